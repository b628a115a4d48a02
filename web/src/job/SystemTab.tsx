/** What the engine takes of its host: GPUs, processors, memory, disk. */

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { metricsQuery } from "../api/queries";
import type { JobDetail } from "../api/types";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { Empty, Failure, Loading } from "../ui/Notice";
import { ChartGrid } from "./ChartGrid";
import { CurveControls } from "./CurveControls";
import { filterGroups, groupSystem } from "./metricGroups";
import { useChartView } from "./useChartView";

export function SystemTab({ job }: { job: JobDetail }) {
  const refetchInterval = usePollInterval(isFinal(job.state));
  const summaries = useQuery({ ...metricsQuery(job.id), refetchInterval });
  const controls = useChartView();
  const groups = useMemo(() => groupSystem(summaries.data ?? []), [summaries.data]);
  const shown = useMemo(() => filterGroups(groups, controls.view.filter), [groups, controls.view.filter]);

  if (summaries.isError) return <Failure error={summaries.error} onRetry={() => void summaries.refetch()} />;
  if (summaries.isPending) return <Loading what="system figures" />;
  if (groups.length === 0) {
    return (
      <div className="card no-curves">
        <Empty>
          {isFinal(job.state)
            ? "Nothing was measured: the job ran for less than five seconds, or before its worker measured its host."
            : "The worker measures its host every five seconds while the engine runs."}
        </Empty>
      </div>
    );
  }
  return (
    <>
      <CurveControls {...controls} numShown={shown.length} numAll={groups.length} hasScale={false} />
      {shown.length === 0 && <Empty>No figure has “{controls.view.filter}” in its name. Change the filter to see the others.</Empty>}
      <ChartGrid job={job} groups={shown} view={controls.view} onZoom={controls.zoom} />
    </>
  );
}
