/** The list of jobs: filtered, ordered, live; what it shows is in the address. */

import { useCallback, useMemo, useState } from "react";

import { useParams } from "../router";
import { Empty, Failure } from "../ui/Notice";
import { useTitle } from "../ui/useTitle";
import { BulkBar } from "./BulkBar";
import { ColumnMenu } from "./ColumnMenu";
import { findColumn, findSpark } from "./columns";
import { FilterChips } from "./FilterChips";
import { FirstSteps } from "./FirstSteps";
import { JobFilters } from "./JobFilters";
import { isFiltered, readView, turnSort, writeColumns } from "./jobsView";
import { JobTable } from "./JobTable";
import { JobsSkeleton } from "./JobsSkeleton";
import { extend, NOTHING, toggle, toggleAll } from "./selection";
import { useJobs, useSparks } from "./useJobs";
import { ViewsMenu } from "./ViewsMenu";

export function JobsPage() {
  useTitle("Jobs");
  const [params, change] = useParams();
  const view = useMemo(() => readView(params), [params]);
  const { query, jobs, error, onSeen, onEnd, retry } = useJobs(view);
  const columns = useMemo(() => view.columns.flatMap((id) => findColumn(id) ?? []), [view]);
  const sparks = useSparks(findSpark(view.columns), jobs);
  const choice = useChoice(useMemo(() => jobs.map(({ id }) => id), [jobs]));

  if (query.isSuccess && !query.isPlaceholderData && jobs.length === 0 && !isFiltered(view)) return <FirstSteps />;
  return (
    <div className="runs-page">
      <div className="page-head">
        <h1>Jobs</h1>
        <JobFilters view={view} onChange={change} />
        <ColumnMenu columns={view.columns} jobs={jobs} onColumns={(next) => change({ cols: writeColumns(next) })} />
        <ViewsMenu query={params.toString()} />
      </div>
      <FilterChips view={view} onChange={change} />
      {error && <Failure error={error} onRetry={retry} />}
      {query.isPending && !error && <JobsSkeleton />}
      {choice.selection.ids.size > 0 && <BulkBar ids={choice.selection.ids} jobs={jobs} onClear={choice.onClear} />}
      {jobs.length > 0 && (
        <JobTable
          jobs={jobs}
          columns={columns}
          sparks={sparks}
          sort={view.sort}
          isOld={query.isPlaceholderData}
          hasMore={query.hasNextPage}
          onSort={(key) => change({ sort: turnSort(view.sort, key) })}
          onSeen={onSeen}
          onEnd={onEnd}
          {...choice}
        />
      )}
      {query.isSuccess && jobs.length === 0 && <Empty>No job fits this filter.</Empty>}
    </div>
  );
}

/** Which of the jobs are chosen, and the ways to change that. */
function useChoice(order: readonly string[]) {
  const [selection, setSelection] = useState(NOTHING);
  const onChoose = useCallback(
    (id: string, isRange: boolean) => setSelection((now) => (isRange ? extend(now, order, id) : toggle(now, id))),
    [order],
  );
  const onChooseAll = useCallback(() => setSelection((now) => toggleAll(now, order)), [order]);
  const onClear = useCallback(() => setSelection(NOTHING), []);
  return { selection, onChoose, onChooseAll, onClear };
}
