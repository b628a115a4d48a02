/** How long a job has run, ticking while it runs. */

import type { Job } from "../api/types";
import { useNow } from "../clock";
import { formatDuration } from "../format";
import { measureDuration } from "../jobStates";

export function Duration({ job }: { job: Job }) {
  const seconds = measureDuration(job, useNow());
  return <>{seconds === null ? "–" : formatDuration(seconds)}</>;
}
