/** One job in the table; the whole row leads to it. */

import { memo } from "react";

import type { Job } from "../api/types";
import { formatBytes, formatPercent, formatWord } from "../format";
import { isFinal } from "../jobStates";
import { Link } from "../router";
import { Age } from "../ui/Age";
import { Duration } from "../ui/Duration";
import { ModelPair } from "../ui/ModelPair";
import { describeProgress, ProgressBar } from "../ui/ProgressBar";
import { StatePill } from "../ui/StatePill";

export const JobRow = memo(function JobRow({ job }: { job: Job }) {
  const size = job.figures?.["cost/size_bytes"];
  return (
    <tr data-testid="job-row" data-job={job.id}>
      <td className="job-cell">
        <Link className="row-link" href={`/jobs/${job.id}`}>
          {job.name}
        </Link>
        <div className="job-models">
          <ModelPair summary={job.summary} />
        </div>
      </td>
      <td>
        <StatePill state={job.state} />
        {job.status_reason && <span className="reason">{formatWord(job.status_reason)}</span>}
      </td>
      <td className="progress-column">
        {!isFinal(job.state) && <ProgressBar job={job} />}
        <span className="progress-words">{describeProgress(job)}</span>
      </td>
      <td className="number figure">{formatPercent(job.figures?.["test/accuracy"])}</td>
      <td className="number wide-only">{typeof size === "number" ? formatBytes(size) : "–"}</td>
      <td className="number wide-only">
        <Duration job={job} />
      </td>
      <td className="number wide-only">
        <Age time={job.created_at} />
      </td>
    </tr>
  );
});
