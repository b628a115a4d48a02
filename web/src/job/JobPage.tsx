/** One job: its header, and a tab for each way of looking at it. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { jobQuery, keys } from "../api/queries";
import type { JobDetail } from "../api/types";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { useParam } from "../router";
import { Failure, Loading } from "../ui/Notice";
import { useTitle } from "../ui/useTitle";
import { ArtifactsTab } from "./ArtifactsTab";
import { CurvesTab } from "./CurvesTab";
import { DistillationTab } from "./DistillationTab";
import { EventsTab } from "./EventsTab";
import { JobHeader } from "./JobHeader";
import { LogTab } from "./LogTab";
import { OverviewTab } from "./OverviewTab";
import { SpecTab } from "./SpecTab";
import { SystemTab } from "./SystemTab";
import { Tabs } from "./Tabs";

const TABS = {
  overview: { title: "Overview", Content: OverviewTab },
  curves: { title: "Curves", Content: CurvesTab },
  distillation: { title: "Distillation", Content: DistillationTab },
  log: { title: "Log", Content: LogTab },
  artifacts: { title: "Artifacts", Content: ArtifactsTab },
  spec: { title: "Spec", Content: SpecTab },
  timeline: { title: "Attempts & events", Content: EventsTab },
  system: { title: "System", Content: SystemTab },
} as const;

type TabName = keyof typeof TABS;

export function JobPage({ id }: { id: string }) {
  const interval = usePollInterval();
  const query = useQuery({
    ...jobQuery(id),
    refetchInterval: ({ state }) => (state.data && isFinal(state.data.state) ? false : interval),
  });
  useTitle(query.data?.name ?? id);
  if (query.data) return <LoadedJob job={query.data} />;
  if (query.isError) return <Failure error={query.error} onRetry={() => void query.refetch()} />;
  return <Loading what="the job" />;
}

function LoadedJob({ job }: { job: JobDetail }) {
  useRefreshAtMoves(job);
  const [asked, setTab] = useParam<string>("tab", "overview");
  const tab: TabName = asked in TABS ? (asked as TabName) : "overview";
  const { Content } = TABS[tab];
  return (
    <>
      <JobHeader job={job} />
      <Tabs
        label="Views of the job"
        tabs={Object.entries(TABS).map(([name, { title }]) => ({ name, title }))}
        chosen={tab}
        onChoose={setTab}
      />
      <div role="tabpanel" id="tab-panel" aria-labelledby={`tab-${tab}`}>
        <Content job={job} />
      </div>
    </>
  );
}

/** A move of the state brings events, artifacts and figures with it, whether or not a hint has told of them. */
function useRefreshAtMoves({ id, state }: JobDetail): void {
  const client = useQueryClient();
  const known = useRef(state);
  useEffect(() => {
    if (known.current === state) return;
    known.current = state;
    void client.invalidateQueries({ queryKey: keys.job(id) });
  }, [client, id, state]);
}
