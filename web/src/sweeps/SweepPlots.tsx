/** The trials of a sweep drawn: curves of the metric with the rungs, two values against one another, all axes side by side. */

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { listCurves } from "../compare/compareView";
import { OverlayChart } from "../compare/OverlayChart";
import { Parallel } from "../compare/Parallel";
import { curvesQuery } from "../compare/queries";
import { Scatter } from "../compare/Scatter";
import type { StageMark } from "../job/stageMarks";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { nameMeasure } from "../measures";
import { Empty, Failure, Loading } from "../ui/Notice";
import type { SweepDetail } from "./queries";
import { listRungs, listTrialAxes, sortTrials } from "./trials";

/** More lines than these are no picture any more. */
const MOST_CURVES = 50;
const NO_CURVES = {};

export function SweepPlots({ sweep }: { sweep: SweepDetail }) {
  const jobs = useMemo(() => sweep.trials.map(({ job_id: id, name }) => ({ id, name })), [sweep.trials]);
  const axes = useMemo(() => listTrialAxes(sweep), [sweep]);
  const usual = [...axes.slice(sweep.metric === null ? 0 : 1), ...axes.slice(0, sweep.metric === null ? 0 : 1)].map(({ id }) => id);
  return (
    <>
      <div className="compare-pair">
        {sweep.metric !== null && listCurves([{ key: sweep.metric }]).length > 0 && <Curves sweep={sweep} metric={sweep.metric} />}
        <Scatter jobs={jobs} axes={axes} />
      </div>
      <Parallel jobs={jobs} axes={axes} usual={usual} />
    </>
  );
}

function Curves({ sweep, metric }: { sweep: SweepDetail; metric: string }) {
  const drawn = useMemo(() => sortTrials(sweep, "").slice(0, MOST_CURVES), [sweep]);
  const ids = drawn.map(({ job_id: id }) => id).sort();
  const names = new Map(drawn.map(({ job_id: id, name }) => [id, name]));
  const numOver = drawn.filter(({ state }) => isFinal(state)).length;
  const curves = useQuery({ ...curvesQuery(ids, [metric], numOver), refetchInterval: usePollInterval(numOver === drawn.length) });
  const rungs = JSON.stringify(listRungs(sweep.trials)); // the chart is made anew when its marks change, not with each answer
  const marks = useMemo(() => JSON.parse(rungs) as StageMark[], [rungs]);
  const measured = curves.data?.[metric] ?? NO_CURVES;
  return (
    <section className="compare-part">
      <div className="part-head">
        <h2>Curves</h2>
        {drawn.length < sweep.trials.length && (
          <span className="muted">
            of the best {drawn.length} of {sweep.trials.length}
          </span>
        )}
      </div>
      {curves.isError && <Failure error={curves.error} onRetry={() => void curves.refetch()} />}
      {curves.isLoading && <Loading what="curves" />}
      {curves.data && Object.keys(measured).length === 0 && <Empty>No trial has measured {nameMeasure(metric)} yet. If none ever does, its spec does not: see what a job measures on its page.</Empty>}
      {Object.keys(measured).length > 0 && (
        <OverlayChart metric={metric} jobs={ids.map((id) => ({ id, name: names.get(id) ?? id }))} curves={measured} smoothing={0} isLog={false} marks={marks} />
      )}
    </section>
  );
}
