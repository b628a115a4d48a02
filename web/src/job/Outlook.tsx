/** How much longer a job will take, as a range where the server knows one. */

import { useQuery } from "@tanstack/react-query";

import type { JobDetail } from "../api/types";
import { formatDuration } from "../format";
import { usePollInterval } from "../live/LiveProvider";
import { outlookQuery } from "./jobQueries";

const BASIS: Record<string, string> = { engine: "its own pace", like: "runs of like specs", pool: "runs of the pool" };

export function Outlook({ job }: { job: JobDetail }) {
  const entry = useQuery({ ...outlookQuery(job.id), refetchInterval: usePollInterval() }).data;
  const ends = entry?.ends_in_s;
  const words = [
    entry?.place ? `place ${entry.place} in the queue` : null,
    entry?.starts_in_s ? `starts in ${describeRange(entry.starts_in_s)}` : null,
    ends ? `over in ${describeRange(ends)}` : null,
  ].filter(Boolean);
  if (job.eta_s !== null) return <span>{formatDuration(job.eta_s)} left{ends && ends.p90 > job.eta_s * 1.1 ? `, ${formatDuration(ends.p90)} in nine of ten` : ""}</span>;
  if (words.length === 0) return null;
  const basis = entry?.basis ? ` (by ${BASIS[entry.basis] ?? entry.basis})` : "";
  return <span>{words.join(", ") + basis}</span>;
}

function describeRange({ p50, p90 }: { p50: number; p90: number }): string {
  return p90 - p50 < 1 ? formatDuration(p50) : `${formatDuration(p50)} to ${formatDuration(p90)}`;
}
