/** Says whether what is shown is kept up to date as it happens. */

import { useStreamState, type StreamState } from "./LiveProvider";

const WORDS: Record<StreamState, [string, string]> = {
  connecting: ["Connecting", "Opening the live stream"],
  live: ["Live", "Changes are shown as they happen"],
  stale: ["Stale", "The live stream is lost: asking every few seconds until it is back"],
};

export function StreamMark() {
  const state = useStreamState();
  const [word, meaning] = WORDS[state];
  return (
    <span
      className={`stream-mark stream-${state}`}
      role="status"
      title={meaning}
      data-testid="stream-state"
      data-state={state === "live" ? "live" : "stale"}
    >
      <span className="dot" aria-hidden="true" />
      {word}
    </span>
  );
}
