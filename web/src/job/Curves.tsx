/** All curves of a job, drawn as they grow, with one cursor over all of them. */

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { eventsQuery, metricsQuery, seriesQuery } from "../api/queries";
import type { JobDetail, MetricSeries } from "../api/types";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { useParam } from "../router";
import { Empty, Failure, Loading } from "../ui/Notice";
import { Chart } from "./Chart";
import { groupMetrics, type MetricGroup } from "./metricGroups";
import { readStages, type StageMark } from "./stageMarks";

const SCALES = ["linear", "log"] as const;

export function Curves({ job }: { job: JobDetail }) {
  const refetchInterval = usePollInterval(isFinal(job.state));
  const [scale, setScale] = useParam<string>("scale", "linear");
  const summaries = useQuery({ ...metricsQuery(job.id), refetchInterval });
  const groups = useMemo(() => groupMetrics(summaries.data ?? []), [summaries.data]);
  const names = useMemo(() => groups.flatMap(({ metrics }) => metrics), [groups]);
  const series = useQuery({ ...seriesQuery(job.id, names), refetchInterval });
  const stages = useStages(job.id);
  const error = summaries.error ?? series.error;

  if (error) return <Failure error={error} onRetry={() => void summaries.refetch().then(() => series.refetch())} />;
  if (summaries.isPending || (names.length > 0 && !series.data)) return <Loading what="curves" />;
  if (!series.data || groups.length === 0) {
    return (
      <div className="card no-curves">
        <Empty>{isFinal(job.state) ? "The job measured nothing." : "Curves appear with the first steps."}</Empty>
      </div>
    );
  }
  return (
    <>
      <div className="curves-head">
        <h2>Curves</h2>
        <div className="segments" role="group" aria-label="Scale of losses">
          {SCALES.map((each) => (
            <button type="button" key={each} aria-pressed={each === scale} onClick={() => setScale(each)}>
              {each}
            </button>
          ))}
        </div>
        <span className="muted hint">drag to zoom, double-click to see all</span>
      </div>
      <div className="charts">
        <Charts groups={groups} series={series.data} syncKey={job.id} isLog={scale === "log"} stages={stages} />
      </div>
    </>
  );
}

interface ChartsProps {
  groups: readonly MetricGroup[];
  series: readonly MetricSeries[];
  syncKey: string;
  isLog: boolean;
  stages: readonly StageMark[];
}

function Charts({ groups, series, syncKey, isLog, stages }: ChartsProps) {
  const sorted = useMemo(
    () => groups.map((group) => ({ group, series: series.filter(({ key }) => group.metrics.includes(key)) })),
    [groups, series],
  );
  return sorted.map((each) => (
    <Chart
      key={each.group.key}
      group={each.group}
      series={each.series}
      syncKey={syncKey}
      isLog={isLog && each.group.isLoss}
      stages={stages}
    />
  ));
}

/** The stages so far; the same list until another one begins, so that charts are not made anew. */
function useStages(id: string): readonly StageMark[] {
  const events = useQuery(eventsQuery(id)).data;
  const stages = JSON.stringify(readStages(events ?? []));
  return useMemo(() => JSON.parse(stages) as StageMark[], [stages]);
}
