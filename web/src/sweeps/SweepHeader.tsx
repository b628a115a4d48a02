/** What a sweep is, how far it is, and what can be asked of all its trials. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { keys, statesQuery } from "../api/queries";
import { nameMeasure } from "../measures";
import { Link } from "../router";
import { useMay } from "../session/useMay";
import { Age } from "../ui/Age";
import { ArmedButton } from "../ui/ArmedButton";
import { CopyButton } from "../ui/CopyButton";
import { askSweep, listVerbs, sweepQuery, type SweepDetail, type SweepVerb } from "./queries";
import { StateShares } from "./StateShares";

const LABELS: Record<Exclude<SweepVerb, "cancel">, string> = { pause: "Pause", resume: "Resume", retry: "Retry" };

export function SweepHeader({ sweep }: { sweep: SweepDetail }) {
  const mayWrite = useMay("jobs:write");
  return (
    <header className="job-header">
      <nav aria-label="Breadcrumb">
        <Link href="/sweeps">Sweeps</Link>
      </nav>
      <div className="page-head">
        <h1 dir="auto" title={sweep.name}>
          {sweep.name}
        </h1>
        <span className="spacer" />
        {mayWrite && <Verbs sweep={sweep} />}
      </div>
      <div className="job-facts">
        <span>{sweep.search === "grid" ? "every combination" : `by chance, seed ${sweep.seed}`}</span>
        <Goal sweep={sweep} />
        <span>
          created <Age time={sweep.created_at} />
        </span>
        <Link href={`/?sweep=${sweep.id}`}>its {sweep.num_trials === 1 ? "job" : `${sweep.num_trials} jobs`}</Link>
        <span className="id">
          <code>{sweep.id}</code>
          <CopyButton text={sweep.id} label="Copy the sweep's id" />
        </span>
      </div>
      <StateShares states={sweep.states} />
    </header>
  );
}

function Goal({ sweep: { metric, direction, halving } }: { sweep: SweepDetail }) {
  if (metric === null) return <span>without a goal</span>;
  const goal = `${direction === "maximize" ? "the most" : "the least"} ${nameMeasure(metric)}`;
  if (!halving) return <span>for {goal}</span>;
  const rungs = halving.rungs === 1 ? "1 rung" : `${halving.rungs} rungs`;
  return (
    <span>
      for {goal}; one in {halving.factor} goes on at each of {rungs}
    </span>
  );
}

function Verbs({ sweep }: { sweep: SweepDetail }) {
  const client = useQueryClient();
  const { data: states } = useQuery(statesQuery());
  const ask = useMutation({
    mutationFn: (verb: SweepVerb) => askSweep(sweep.id, verb),
    onSuccess: (answer) => client.setQueryData(sweepQuery(sweep.id).queryKey, answer),
    onSettled: () => client.invalidateQueries({ queryKey: keys.lists }),
  });
  return (
    <>
      {ask.error && (
        <span className="bad" role="alert">
          {ask.error.message}
        </span>
      )}
      {listVerbs(sweep, states ?? []).map((verb) =>
        verb === "cancel" ? (
          <ArmedButton key={verb} label="Cancel sweep" armed="Click again to cancel" disabled={ask.isPending} onConfirm={() => ask.mutate(verb)} />
        ) : (
          <button key={verb} type="button" className="button" disabled={ask.isPending} onClick={() => ask.mutate(verb)}>
            {LABELS[verb]}
          </button>
        ),
      )}
    </>
  );
}
