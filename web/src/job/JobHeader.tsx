/** What a job is, how it stands, and the button that stops it. */

import type { JobDetail } from "../api/types";
import { formatNumber, formatWord } from "../format";
import { isFinal } from "../jobStates";
import { Link } from "../router";
import { SweepPlace } from "../sweeps/SweepPlace";
import { Age } from "../ui/Age";
import { CopyButton } from "../ui/CopyButton";
import { Duration } from "../ui/Duration";
import { ModelPair } from "../ui/ModelPair";
import { ProblemText } from "../ui/ProblemText";
import { describeProgress, ProgressBar } from "../ui/ProgressBar";
import { StatePill } from "../ui/StatePill";
import { CancelButton } from "./CancelButton";
import { Outlook } from "./Outlook";
import { VerbButtons } from "./VerbButtons";

export function JobHeader({ job }: { job: JobDetail }) {
  return (
    <header className="job-header">
      <nav aria-label="Breadcrumb">
        <Link href="/">Jobs</Link>
      </nav>
      <div className="page-head">
        <h1 dir="auto" title={job.name}>{job.name}</h1>
        <StatePill state={job.state} />
        <span className="spacer" />
        <VerbButtons job={job} />
        <CancelButton job={job} />
      </div>
      <div className="job-facts">
        <ModelPair summary={job.summary} />
        <span>
          created <Age time={job.created_at} />
        </span>
        {job.started_at && (
          <span>
            {isFinal(job.state) ? "ran for" : "running for"} <Duration job={job} />
          </span>
        )}
        {job.sweep_id && <SweepPlace sweepId={job.sweep_id} jobId={job.id} />}
        {job.attempt > 1 && <span>attempt {job.attempt}</span>}
        <span className="id">
          <code>{job.id}</code>
          <CopyButton text={job.id} label="Copy the job's id" />
        </span>
      </div>
      {!isFinal(job.state) && <Progress job={job} />}
      <Reason job={job} />
    </header>
  );
}

function Progress({ job }: { job: JobDetail }) {
  return (
    <div className="job-progress">
      <ProgressBar job={job} />
      <div className="job-progress-words">
        <strong>{job.progress === null ? describeProgress(job) : `${(job.progress * 100).toFixed(1)} %`}</strong>
        {job.step !== null && job.total_steps !== null && (
          <span>
            step {formatNumber(job.step)} of {formatNumber(job.total_steps)}
          </span>
        )}
        <span className="spacer" />
        <Outlook job={job} />
      </div>
    </div>
  );
}

function Reason({ job }: { job: JobDetail }) {
  if (!job.status_reason && !job.status_message && job.problems.length === 0) return null;
  return (
    <div className={`notice ${job.state === "failed" ? "notice-bad" : ""}`} role={job.state === "failed" ? "alert" : undefined}>
      <strong>{job.status_reason ? formatWord(job.status_reason) : job.state}</strong>
      {job.status_message && <p className="status-message">{job.status_message}</p>}
      {job.problems.map((problem) => (
        <ProblemText key={`${problem.pointer} ${problem.code}`} problem={problem} />
      ))}
    </div>
  );
}
