/** How far a job is, and how long it will still take. */

import type { Job, JobState } from "../api/types";
import { formatDuration } from "../format";
import { isFinal } from "../jobStates";

const WITHOUT_PROGRESS: Partial<Record<JobState, string>> = { queued: "waiting for a device", starting: "starting the engine" };

export function ProgressBar({ job }: { job: Job }) {
  const percent = Math.round((job.progress ?? 0) * 1000) / 10;
  return (
    <div
      className={`progress progress-${job.state}`}
      role="progressbar"
      aria-label={`Progress of ${job.name}`}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      aria-valuetext={describeProgress(job)}
    >
      <div className="progress-fill" style={{ transform: `scaleX(${percent / 100})` }} />
    </div>
  );
}

/** The words beside the bar: "42 %, 3 min left"; of a job that is over, how far it came. */
export function describeProgress(job: Job): string {
  if (job.state === "succeeded") return "done";
  if (job.progress === null) return isFinal(job.state) ? "never ran" : WITHOUT_PROGRESS[job.state] ?? job.state;
  const percent = `${Math.floor(job.progress * 100)} %`;
  if (isFinal(job.state)) return `stopped at ${percent}`;
  return job.state === "running" && job.eta_s !== null ? `${percent}, ${formatDuration(job.eta_s)} left` : percent;
}
