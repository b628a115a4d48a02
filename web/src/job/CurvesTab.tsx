/** All curves of a job, with one cursor over all of them. */

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { metricsQuery } from "../api/queries";
import type { JobDetail } from "../api/types";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { Empty, Failure, Loading } from "../ui/Notice";
import { ChartGrid, MOST_CHARTS } from "./ChartGrid";
import { CurveControls } from "./CurveControls";
import { filterGroups, groupMetrics } from "./metricGroups";
import { useChartView } from "./useChartView";

export function CurvesTab({ job }: { job: JobDetail }) {
  const refetchInterval = usePollInterval(isFinal(job.state));
  const summaries = useQuery({ ...metricsQuery(job.id), refetchInterval });
  const controls = useChartView();
  const { view } = controls;
  const groups = useMemo(() => groupMetrics(summaries.data ?? []), [summaries.data]);
  const shown = useMemo(() => filterGroups(groups, view.filter), [groups, view.filter]);

  if (summaries.isError) return <Failure error={summaries.error} onRetry={() => void summaries.refetch()} />;
  if (summaries.isPending) return <Loading what="curves" />;
  if (groups.length === 0) {
    return (
      <div className="card no-curves">
        <Empty>{isFinal(job.state) ? "The job measured nothing." : "Curves appear with the first steps."}</Empty>
      </div>
    );
  }
  return (
    <>
      <CurveControls {...controls} numShown={shown.length} numAll={groups.length} />
      {shown.length === 0 && <Empty>No metric has “{view.filter}” in its name. Change the filter to see the others.</Empty>}
      {shown.length > MOST_CHARTS && (
        <p className="muted">
          The first {MOST_CHARTS} of {shown.length} charts are drawn: filter by name to see the others.
        </p>
      )}
      <ChartGrid job={job} groups={shown} view={view} onZoom={controls.zoom} />
    </>
  );
}
