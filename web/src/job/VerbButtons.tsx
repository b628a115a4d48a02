/** What a person may ask of a job in its state, as the server's own table says; cancelling has a button of its own. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { askJob, keys, statesQuery } from "../api/queries";
import type { JobDetail, Verb } from "../api/types";

const LABELS: Partial<Record<Verb, string>> = { pause: "Pause", resume: "Resume", retry: "Retry" };

export function VerbButtons({ job }: { job: JobDetail }) {
  const client = useQueryClient();
  const { data: states } = useQuery(statesQuery());
  const ask = useMutation({
    mutationFn: (verb: Verb) => askJob(job.id, verb),
    onSuccess: (answer) => client.setQueryData<JobDetail>(keys.detail(job.id), (known) => known && { ...known, ...answer }),
    onSettled: () => client.invalidateQueries({ queryKey: keys.job(job.id) }),
  });
  const verbs = Object.keys(states?.find(({ state }) => state === job.state)?.verbs ?? {}) as Verb[];
  return (
    <>
      {ask.error && <span className="bad">{ask.error.message}</span>}
      {verbs.map(
        (verb) =>
          LABELS[verb] && (
            <button
              key={verb}
              type="button"
              className="button"
              data-testid={`job-${verb}`}
              disabled={ask.isPending}
              onClick={() => ask.mutate(verb)}
            >
              {LABELS[verb]}
            </button>
          ),
      )}
    </>
  );
}
