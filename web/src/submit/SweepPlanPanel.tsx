/** What a sweep would come to: how many trials and steps, and which settings; or what is wrong with it. */

import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { ApiError } from "../api/client";
import { showPlain } from "../compare/axes";
import { planQuery, type SweepPlan } from "../sweeps/queries";
import { nameAxes } from "../sweeps/trials";
import { Failure, Loading } from "../ui/Notice";
import { ProblemText } from "../ui/ProblemText";

const TYPING_PAUSE_MS = 300;
const MOST_SHOWN = 200;

export function SweepPlanPanel({ body, missing }: { body: string | null; missing: string | null }) {
  const settled = useSettled(body);
  const plan = useQuery({ ...planQuery(settled ?? ""), enabled: settled !== null });
  if (missing !== null) return <p className="sweep-plan muted" role="status" data-testid="sweep-plan">{missing}</p>;
  return (
    <div className="sweep-plan" data-testid="sweep-plan" aria-busy={plan.isFetching || settled !== body}>
      {plan.isPending && <Loading what="the trials" />}
      {plan.error && <Refusal error={plan.error} onRetry={() => void plan.refetch()} />}
      {plan.data && !plan.error && <Planned plan={plan.data} />}
    </div>
  );
}

function useSettled(body: string | null): string | null {
  const [settled, setSettled] = useState(body);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(body), TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [body]);
  return settled;
}

/** Each problem with its place where the server tells places. */
export function Refusal({ error, onRetry }: { error: Error; onRetry?: () => void }) {
  const problems = error instanceof ApiError ? (error.problem.errors ?? []) : [];
  if (problems.length === 0) return <Failure error={error} {...(onRetry && { onRetry })} />;
  return (
    <div className="notice notice-bad" role="alert">
      <strong>{error.message}</strong>
      {problems.map((problem) => (
        <ProblemText key={problem.pointer + problem.code} problem={problem} />
      ))}
    </div>
  );
}

function Planned({ plan: { num_trials: count, steps, trials } }: { plan: SweepPlan }) {
  const names = nameAxes(Object.keys(trials[0]?.values ?? {}));
  return (
    <>
      <p role="status">
        <strong>{count === 1 ? "1 trial" : `${count} trials`}</strong>
        {steps === null ? ", steps known once the data’s files are open" : `, ${steps.toLocaleString("en")} steps in all if none is stopped`}
      </p>
      <details className="more">
        <summary>Its settings</summary>
        <ol className="planned" tabIndex={0} aria-label="Settings of the trials">
          {trials.slice(0, MOST_SHOWN).map(({ number, values }) => (
            <li key={number}>
              <bdi>{[...names].map(([pointer, name]) => `${name} ${showPlain(values[pointer])}`).join(", ")}</bdi>
            </li>
          ))}
        </ol>
      </details>
    </>
  );
}
