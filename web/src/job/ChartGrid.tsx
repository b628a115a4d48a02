/** Charts of a job, drawn as they grow; only those in view are drawn, each with the points of its own width. */

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { eventsQuery } from "../api/queries";
import type { JobDetail } from "../api/types";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { Failure, Loading } from "../ui/Notice";
import { Chart, CHART_HEIGHT, type Drawing } from "./Chart";
import { InView } from "./InView";
import { attemptsQuery, windowQuery } from "./jobQueries";
import type { MetricGroup } from "./metricGroups";
import { readResumes, readStages, type StageMark } from "./stageMarks";

/** More would be more than a browser draws with ease. */
export const MOST_CHARTS = 60;
const CAPTION_HEIGHT = 44;

interface Props extends Pick<Drawing, "view" | "onZoom"> {
  job: JobDetail;
  groups: readonly MetricGroup[];
}

export function ChartGrid({ job, groups, view, onZoom }: Props) {
  const { stages, resumes } = useMarks(job);
  return (
    <div className="charts">
      {groups.slice(0, MOST_CHARTS).map((group) => (
        <InView key={group.key} height={CHART_HEIGHT + CAPTION_HEIGHT}>
          <LiveChart job={job} group={group} view={view} onZoom={onZoom} syncKey={job.id} stages={stages} resumes={resumes} />
        </InView>
      ))}
    </div>
  );
}

function LiveChart({ job, group, ...drawing }: Drawing & { job: JobDetail; group: MetricGroup }) {
  const { view } = drawing;
  const refetchInterval = usePollInterval(isFinal(job.state));
  const series = useQuery({ ...windowQuery(job.id, group.metrics, view), refetchInterval });
  if (series.isError) return <Failure error={series.error} onRetry={() => void series.refetch()} />;
  if (!series.data) return <Loading what={group.title} />;
  return <Chart group={group} series={series.data} {...drawing} />;
}

/** Where stages and attempts begin; the same lists until another one does, so that charts are not made anew. */
function useMarks({ id, attempt }: JobDetail): { stages: readonly StageMark[]; resumes: readonly StageMark[] } {
  const events = useQuery(eventsQuery(id)).data;
  const attempts = useQuery({ ...attemptsQuery(id), enabled: attempt > 1 }).data;
  const found = JSON.stringify({ stages: readStages(events ?? []), resumes: readResumes(attempts ?? []) });
  return useMemo(() => JSON.parse(found) as { stages: StageMark[]; resumes: StageMark[] }, [found]);
}
