/** Where the rows will stand, until the first jobs are here. */

import { Loading } from "../ui/Notice";

const ROWS = 8;

export function JobsSkeleton() {
  return (
    <div className="table-frame skeleton" aria-busy="true" data-testid="jobs-skeleton">
      <Loading what="jobs" />
      {Array.from({ length: ROWS }, (_, row) => (
        <div key={row} className="skeleton-row" aria-hidden="true">
          <span />
          <span />
          <span />
        </div>
      ))}
    </div>
  );
}
