/** The table of jobs. */

import type { Job } from "../api/types";
import { JobRow } from "./JobRow";

export function JobTable({ jobs, isOld }: { jobs: readonly Job[]; isOld: boolean }) {
  return (
    <div className="table-frame" aria-busy={isOld}>
      <table className="jobs">
        <thead>
          <tr>
            <th scope="col">Job</th>
            <th scope="col">State</th>
            <th scope="col" className="progress-column">
              Progress
            </th>
            <th scope="col" className="number">
              Test accuracy
            </th>
            <th scope="col" className="number wide-only">
              Size
            </th>
            <th scope="col" className="number wide-only">
              Duration
            </th>
            <th scope="col" className="number wide-only">
              Created
            </th>
          </tr>
        </thead>
        <tbody>
          {jobs.map((job) => (
            <JobRow key={job.id} job={job} />
          ))}
        </tbody>
      </table>
    </div>
  );
}
