/** The list of jobs: filtered, live, page after page. */

import { useInfiniteQuery } from "@tanstack/react-query";

import { jobsQuery } from "../api/queries";
import type { JobState } from "../api/types";
import { JOB_STATES } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { useParam } from "../router";
import { Empty, Failure, Loading } from "../ui/Notice";
import { useTitle } from "../ui/useTitle";
import { FirstSteps } from "./FirstSteps";
import { JobFilters } from "./JobFilters";
import { JobTable } from "./JobTable";

export function JobsPage() {
  useTitle("Jobs");
  const [stateParam, setState] = useParam<string>("state", "");
  const [text, setText] = useParam<string>("q", "");
  const state = JOB_STATES.find((each) => each === stateParam) ?? null;
  const jobs = useInfiniteQuery({ ...jobsQuery({ state, text }), refetchInterval: usePollInterval() });
  const rows = jobs.data?.pages.flatMap((page) => page.data) ?? [];
  const isFiltered = state !== null || text !== "";

  if (jobs.data && rows.length === 0 && !isFiltered) return <FirstSteps />;
  return (
    <>
      <div className="page-head">
        <h1>Jobs</h1>
        <JobFilters state={state} text={text} onState={(next: JobState | null) => setState(next ?? "")} onText={setText} />
      </div>
      {jobs.isError && <Failure error={jobs.error} onRetry={() => void jobs.refetch()} />}
      {jobs.isPending && <Loading what="jobs" />}
      {rows.length > 0 && <JobTable jobs={rows} isOld={jobs.isPlaceholderData} />}
      {jobs.data && rows.length === 0 && <Empty>No job fits this filter.</Empty>}
      {jobs.hasNextPage && (
        <div className="load-more">
          <button type="button" className="button" disabled={jobs.isFetchingNextPage} onClick={() => void jobs.fetchNextPage()}>
            {jobs.isFetchingNextPage ? "Loading…" : "Load more"}
          </button>
        </div>
      )}
    </>
  );
}
