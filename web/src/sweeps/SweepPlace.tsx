/** On the page of a job that is a trial: which one, of which sweep. */

import { useQuery } from "@tanstack/react-query";

import { Link } from "../router";
import { sweepQuery } from "./queries";

export function SweepPlace({ sweepId, jobId }: { sweepId: string; jobId: string }) {
  const { data: sweep } = useQuery(sweepQuery(sweepId));
  const trial = sweep?.trials.find(({ job_id: id }) => id === jobId);
  return (
    <Link href={`/sweeps/${sweepId}`} data-testid="job-sweep" title={sweep?.name}>
      {trial ? `trial ${trial.number} of ${sweep?.num_trials}` : "a trial"} of sweep <bdi>{sweep?.name ?? sweepId}</bdi>
    </Link>
  );
}
