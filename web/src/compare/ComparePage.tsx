/** Jobs side by side: their curves, what differs, what they gained, how they lie to one another. */

import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { Link, useParam, useParams } from "../router";
import { Empty, Failure, Loading } from "../ui/Notice";
import { useTitle } from "../ui/useTitle";
import { listAxes } from "./axes";
import { AddJob, ComparedJobs } from "./ComparedJobs";
import { readIds } from "./compareView";
import { CurvesPanel } from "./CurvesPanel";
import { GainPanel } from "./GainPanel";
import { HoverContext } from "./hover";
import { Parallel } from "./Parallel";
import { comparisonQuery, type Comparison } from "./queries";
import { ResultsTable } from "./ResultsTable";
import { Scatter } from "./Scatter";
import { SpecDiff } from "./SpecDiff";

export function ComparePage() {
  useTitle("Compare");
  const [params, change] = useParams();
  const ids = useMemo(() => readIds(params.get("ids") ?? ""), [params]);
  const [showsAll, setShowsAll] = useParam<string>("all", "");
  const named = params.get("baseline") ?? "";
  const baseline = ids.includes(named) ? named : "";
  const [hovered, setHovered] = useState<string | null>(null);
  const hover = useMemo(() => ({ id: hovered, setId: setHovered }), [hovered]);
  const isOver = (comparison: Comparison | undefined) => comparison?.data.every(({ state }) => isFinal(state)) ?? false;
  const [pollOver, pollLive] = [usePollInterval(true), usePollInterval()];
  const comparison = useQuery({
    ...comparisonQuery(ids, baseline, showsAll === "1"),
    refetchInterval: (query) => (isOver(query.state.data) ? pollOver : pollLive),
  });
  const setIds = (next: readonly string[]) => change({ ids: next.join(","), baseline: next.includes(baseline) ? baseline : "" });

  return (
    <HoverContext value={hover}>
      <div className="page-head">
        <h1>Compare</h1>
        <AddJob ids={ids} onIds={setIds} />
      </div>
      {ids.length === 0 && (
        <Empty>
          Nothing is compared yet: add a job here, or choose jobs in <Link href="/">the list</Link> and press Compare.
        </Empty>
      )}
      {comparison.isError && <Failure error={comparison.error} onRetry={() => void comparison.refetch()} />}
      {ids.length > 0 && comparison.isPending && !comparison.isError && <Loading what="the comparison" />}
      {ids.length > 0 && comparison.data && (
        <>
          <ComparedJobs
            ids={ids}
            jobs={comparison.data.data}
            missing={comparison.data.missing}
            baseline={comparison.data.baseline}
            onIds={setIds}
            onBaseline={(id) => change({ baseline: id })}
          />
          {comparison.data.data.length > 0 && (
            <Parts comparison={comparison.data} showsAll={showsAll === "1"} onShowAll={(all) => setShowsAll(all ? "1" : "")} />
          )}
        </>
      )}
    </HoverContext>
  );
}

interface PartsProps {
  comparison: Comparison;
  showsAll: boolean;
  onShowAll: (all: boolean) => void;
}

function Parts({ comparison, showsAll, onShowAll }: PartsProps) {
  const axes = useMemo(() => listAxes(comparison), [comparison]);
  const { data: jobs } = comparison;
  return (
    <>
      <CurvesPanel jobs={jobs} metrics={comparison.metrics} />
      <ResultsTable comparison={comparison} showsAll={showsAll} onShowAll={onShowAll} />
      <GainPanel jobs={jobs} figures={comparison.figures} />
      <div className="compare-pair">
        <Scatter jobs={jobs} axes={axes} />
        <SpecDiff comparison={comparison} />
      </div>
      <Parallel jobs={jobs} axes={axes} />
    </>
  );
}
