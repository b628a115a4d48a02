/** What a submission would be and take: warnings, cost, stored teacher outputs, its place, the spec written out. */

import { useQuery } from "@tanstack/react-query";

import { formatDuration, formatNumber } from "../format";
import { ProblemText } from "../ui/ProblemText";
import { Failure, Loading } from "../ui/Notice";
import { dryRunQuery, type DryRun } from "./queries";
import { writeSpec } from "./specText";

const BASIS = { engine: "measured by its engine", like: "measured on like specs", pool: "measured on all runs of the pool" } as const;
const CACHE = {
  hit: "stored already: the teacher need not run",
  miss: "computed once, then stored",
  unknown: "no worker has reported its cache",
} as const;

export function DryRunPanel({ text }: { text: string }) {
  const dryRun = useQuery(dryRunQuery(text));
  return (
    <section className="card dry-run" data-testid="dry-run" aria-busy={dryRun.isFetching}>
      <h2>What it would take</h2>
      {dryRun.isPending && <Loading what="the estimate" />}
      {dryRun.error && <Failure error={dryRun.error} onRetry={() => void dryRun.refetch()} />}
      {dryRun.data && <Forecast found={dryRun.data} />}
    </section>
  );
}

function formatRange({ p50, p90 }: { p50: number; p90: number }): string {
  const [low, high] = [formatDuration(p50), formatDuration(p90)];
  return low === high ? `about ${low}` : `${low} to ${high}`;
}

function Forecast({ found: { cost, cache, warnings, place_in_queue: place, resolved_spec: resolved } }: { found: DryRun }) {
  const stored = cache.filter(({ state }) => state !== null);
  return (
    <>
      {warnings.map((warning) => (
        <div className="notice notice-warn" key={warning.pointer + warning.code}>
          <ProblemText problem={warning} />
        </div>
      ))}
      <dl className="facts">
        <dt>time</dt>
        <dd>
          {cost.seconds ? formatRange(cost.seconds) : "not known yet"}
          <span className="muted small">
            {cost.seconds && cost.basis
              ? `half of the cases stay below the first, nine of ten below the second; ${BASIS[cost.basis]}, ${cost.num_runs} ${cost.num_runs === 1 ? "run" : "runs"}`
              : "nothing of the kind has run here"}
          </span>
        </dd>
        <dt>steps</dt>
        <dd>{cost.steps === null ? "known once the data’s files are open" : `${cost.steps.toLocaleString("en")} on ${formatNumber(cost.samples)} samples`}</dd>
        <dt>queue</dt>
        <dd>{place === 1 ? "next in line" : `place ${place} among those that wait`}</dd>
        {stored.map(({ stage, state }) => (
          <div key={stage} className="facts-row">
            <dt>
              teacher in <span dir="auto">{stage}</span>
            </dt>
            <dd>{state && CACHE[state]}</dd>
          </div>
        ))}
      </dl>
      <details className="more">
        <summary>The spec with everything written out</summary>
        <pre className="resolved" tabIndex={0}>{writeSpec(resolved)}</pre>
      </details>
    </>
  );
}
