/** The page that a person keeps open: what is made of what, how far it is, what came of it, and the end of the log. */

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { metricsQuery } from "../api/queries";
import type { JobDetail } from "../api/types";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { navigate } from "../router";
import { Empty, Failure, Loading } from "../ui/Notice";
import { ChartGrid } from "./ChartGrid";
import { EventList } from "./EventList";
import { FiguresTable } from "./FiguresTable";
import { GainCard } from "./GainCard";
import { LogView } from "./LogView";
import { groupMetrics } from "./metricGroups";
import { SetupCard } from "./SetupCard";
import { StageTimeline } from "./StageTimeline";
import { StudentDownload } from "./StudentDownload";
import { WHOLE_VIEW } from "./useChartView";

const LATEST_EVENTS = 7;
const MAIN_CHARTS = 4;

export function OverviewTab({ job }: { job: JobDetail }) {
  return (
    <div className="overview">
      <div className="overview-main">
        <StageTimeline job={job} />
        <section aria-label="Main curves">
          <MainCurves job={job} />
        </section>
        <section className="overview-log" aria-label="Log">
          <LogView job={job} isBrief />
        </section>
      </div>
      <aside className="overview-side">
        <StudentDownload job={job} />
        <GainCard job={job} />
        <section className="card">
          <h2>Figures and cost</h2>
          <FiguresTable job={job} />
        </section>
        <SetupCard job={job} />
        <section className="card">
          <h2>Latest events</h2>
          <EventList job={job} most={LATEST_EVENTS} />
        </section>
      </aside>
    </div>
  );
}

/** The first charts; dragging over one opens all of them at that part. */
function MainCurves({ job }: { job: JobDetail }) {
  const refetchInterval = usePollInterval(isFinal(job.state));
  const summaries = useQuery({ ...metricsQuery(job.id), refetchInterval });
  const groups = useMemo(() => groupMetrics(summaries.data ?? []).slice(0, MAIN_CHARTS), [summaries.data]);
  if (summaries.isError) return <Failure error={summaries.error} onRetry={() => void summaries.refetch()} />;
  if (summaries.isPending) return <Loading what="curves" />;
  if (groups.length === 0) {
    return (
      <div className="card no-curves">
        <Empty>{isFinal(job.state) ? "The job measured nothing." : "Curves appear with the first steps."}</Empty>
      </div>
    );
  }
  return <ChartGrid job={job} groups={groups} view={WHOLE_VIEW} onZoom={openCurves} />;
}

function openCurves(from: string | null, to: string | null): void {
  if (from !== null && to !== null) navigate(`${location.pathname}?tab=curves&from=${from}&to=${to}`);
}
