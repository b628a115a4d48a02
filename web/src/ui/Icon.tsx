/** The few drawings that the pages use, all of one weight. */

const PATHS = {
  queued: "M8 4.500V8l2.300 1.500M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z",
  starting: "M8 2v3M8 11v3M2 8h3M11 8h3M3.800 3.800l2.100 2.100M10.100 10.100l2.100 2.100M3.800 12.200l2.100-2.100M10.100 5.900l2.100-2.100",
  running: "M5 3.200v9.600L12.800 8z",
  pausing: "M5.500 3.500v9M10.500 3.500v9",
  paused: "M5.500 3.500v9M10.500 3.500v9",
  cancelling: "M4 8h8",
  succeeded: "M3 8.500l3.300 3.300L13 4.800",
  failed: "M8 3.500v5.200M8 12v.200",
  cancelled: "M4.200 4.200l7.600 7.600M11.800 4.200l-7.600 7.600",
  download: "M8 2.500v7.500M4.800 7L8 10.200 11.200 7M3 13.500h10",
  copy: "M5.500 5.500h8v8h-8zM2.500 10.500v-8h8",
  plus: "M8 3v10M3 8h10",
  down: "M8 3v10M4 9l4 4 4-4",
  arrow: "M2.500 8h10.500M9.500 4.500L13 8l-3.500 3.500",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.700 10.700L14 14",
  theme: "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0zM8 2v12M8 5.200h5.200M8 8h6M8 10.800h5.200",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
