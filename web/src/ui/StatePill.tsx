/** A job's state in a word, a drawing and a colour. */

import type { JobState } from "../api/types";
import { Icon } from "./Icon";

export function StatePill({ state }: { state: JobState }) {
  return (
    <span className={`pill pill-${state}`} data-testid="job-state" data-state={state}>
      <Icon name={state} />
      {state}
    </span>
  );
}
