/** The log with the page to itself. */

import type { JobDetail } from "../api/types";
import { LogView } from "./LogView";

export function LogTab({ job }: { job: JobDetail }) {
  return (
    <div className="log-tab">
      <LogView job={job} />
    </div>
  );
}
