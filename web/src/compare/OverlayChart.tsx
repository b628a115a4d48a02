/** One metric of many jobs in one chart; its cursor is that of all charts of the page. */

import { useEffect, useMemo, useRef } from "react";
import uPlot from "uplot";

import type { MetricPoint } from "../api/types";
import { formatNumber } from "../format";
import { alignSeries, type Aligned, type Column } from "../job/alignSeries";
import { usePalette } from "../job/palette";
import { smoothCurve } from "../job/smoothCurve";
import { drawMarks, type StageMark } from "../job/stageMarks";
import { nameMeasure, showMeasure } from "../measures";
import type { Drawn } from "./axes";
import { useHover } from "./hover";
import { overlayData, overlayOptions } from "./overlayOptions";
import { Swatch } from "./Swatch";

const HEIGHT = 260;
const NO_MARKS: readonly StageMark[] = [];
const FIT_LEGEND = 10; // more of them are scrolled, by keyboard too

interface Props {
  metric: string;
  jobs: readonly Drawn[];
  curves: Readonly<Record<string, MetricPoint[]>>;
  smoothing: number;
  isLog: boolean;
  /** Steps that are marked. */
  marks?: readonly StageMark[];
}

export function OverlayChart({ metric, jobs, curves, smoothing, isLog, marks = NO_MARKS }: Props) {
  const aligned = useMemo(() => alignSeries(jobs.map(({ id }) => ({ key: id, points: curves[id] ?? [] }))), [jobs, curves]);
  const lines = useMemo(() => aligned.lines.map(({ values }) => smoothCurve(values, smoothing)), [aligned, smoothing]);
  const legend = useRef<HTMLUListElement>(null);
  const frame = useOverlay({ metric, aligned, lines, isSmooth: smoothing > 0, isLog, legend, marks });
  const { over, hovered } = useHover();
  return (
    <figure className="chart overlay" data-testid="overlay" data-key={metric}>
      <figcaption>
        <h3>{nameMeasure(metric)}</h3>
      </figcaption>
      <div className="chart-frame" ref={frame} role="img" aria-label={describe(metric, jobs, lines)} />
      <ul className="overlay-legend" ref={legend} tabIndex={jobs.length > FIT_LEGEND ? 0 : undefined} aria-label="Values">
        {jobs.map((job, index) => (
          <li key={job.id} {...over(job.id)} data-hovered={hovered === job.id || undefined}>
            <Swatch index={index} />
            <bdi className="cut">{job.name}</bdi>
            <output />
          </li>
        ))}
      </ul>
    </figure>
  );
}

interface Drawing {
  metric: string;
  aligned: Aligned;
  lines: readonly Column[];
  isSmooth: boolean;
  isLog: boolean;
  marks: readonly StageMark[];
  legend: { current: HTMLUListElement | null };
}

/** Keep a uPlot inside the returned element: made anew when its jobs or colours change, else fed. */
function useOverlay({ metric, aligned, lines, isSmooth, isLog, legend, marks }: Drawing) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const palette = usePalette();
  const { hovered, setHovered } = useHover();
  const ids = aligned.lines.map(({ key }) => key).join(" ");
  const latest = useRef({ aligned, lines });
  latest.current = { aligned, lines };

  useEffect(() => {
    const host = frame.current;
    if (!host) return;
    const names = ids.split(" ");
    const showValues = (drawn: uPlot) => writeValues(legend.current, metric, latest.current.lines, latest.current.aligned.steps, drawn.cursor.idx ?? null);
    const focus = (_: uPlot, series: number | null) => setHovered(series === null ? null : (names[(series - 1) % names.length] ?? null));
    const made = new uPlot(
      {
        ...overlayOptions(names.length, { palette, isLog, isSmooth, metric }),
        width: host.clientWidth,
        height: HEIGHT,
        hooks: { setCursor: [showValues], setSeries: [focus], drawAxes: [drawMarks(marks, "step", palette)] },
      },
      overlayData(latest.current.aligned, latest.current.lines, isSmooth, isLog),
      host,
    );
    const resize = new ResizeObserver(() => made.setSize({ width: host.clientWidth, height: HEIGHT }));
    resize.observe(host);
    plot.current = made;
    return () => {
      resize.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [ids, palette, isLog, isSmooth, metric, legend, marks, setHovered]);

  useEffect(() => {
    plot.current?.setData(overlayData(aligned, lines, isSmooth, isLog));
    writeValues(legend.current, metric, lines, aligned.steps, null);
  }, [aligned, lines, isSmooth, isLog, metric, legend]);

  useEffect(() => {
    const line = hovered === null ? -1 : ids.split(" ").indexOf(hovered);
    plot.current?.setSeries(line < 0 ? null : line + 1, { focus: true }, false);
  }, [hovered, ids]);

  return frame;
}

/** Write the values under the cursor, or the last ones, without a render for each move of the mouse. */
function writeValues(legend: HTMLUListElement | null, metric: string, lines: readonly Column[], steps: readonly number[], index: number | null): void {
  if (!legend) return;
  const outputs = legend.querySelectorAll("output");
  lines.forEach((values, line) => {
    const seen = index === null ? values : values.slice(0, index + 1);
    const output = outputs[line];
    if (output) output.textContent = showMeasure(metric, seen.findLast((value) => value !== null) ?? null);
  });
  legend.dataset.step = index === null ? "last" : `step ${formatNumber(steps[index] ?? null)}`;
}

function describe(metric: string, jobs: readonly Drawn[], lines: readonly Column[]): string {
  const ends = jobs.map(({ name }, index) => `${name} ends at ${showMeasure(metric, lines[index]?.findLast((value) => value !== null) ?? null)}`);
  return `${nameMeasure(metric)}: ${ends.join(", ")}`;
}
