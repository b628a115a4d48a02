/** The results of a job with all that is known of them, its exports, and the points that it may be resumed from. */

import { useQuery } from "@tanstack/react-query";

import { artifactsQuery } from "../api/queries";
import type { Artifact, JobDetail } from "../api/types";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { Empty, Failure, Loading } from "../ui/Notice";
import { ArtifactList } from "./ArtifactList";
import { isExport } from "./artifactKinds";
import { CheckpointList } from "./CheckpointList";
import { exportsQuery, type Export } from "./exportQueries";
import { ExportsCard } from "./ExportsCard";

const EXPORT_POLL_MS = 1_500; // an export takes seconds, and hints name its own job

export function ArtifactsTab({ job }: { job: JobDetail }) {
  const poll = usePollInterval(isFinal(job.state));
  const exports = useQuery({
    ...exportsQuery(job.id),
    enabled: job.state === "succeeded",
    refetchInterval: ({ state }) => (state.data?.some((each) => !isFinal(each.state)) ? EXPORT_POLL_MS : poll),
  });
  const made = exports.data?.flatMap(({ artifact_id: id }) => id ?? []) ?? [];
  const artifacts = useQuery({
    ...artifactsQuery(job.id),
    refetchInterval: ({ state }) => (state.data && made.some((id) => !state.data?.some((each) => each.id === id)) ? EXPORT_POLL_MS : poll),
  });
  return (
    <div className="stack">
      {artifacts.isError && <Failure error={artifacts.error} onRetry={() => void artifacts.refetch()} />}
      {artifacts.isPending && <Loading what="artifacts" />}
      {artifacts.data && <Groups job={job} artifacts={artifacts.data} exports={exports.data ?? []} exportsError={exports.error} />}
      <CheckpointList job={job} />
    </div>
  );
}

interface GroupsProps {
  job: JobDetail;
  artifacts: readonly Artifact[];
  exports: readonly Export[];
  exportsError: Error | null;
}

function Groups({ job, artifacts, exports, exportsError }: GroupsProps) {
  const student = artifacts.filter(({ kind }) => kind === "student");
  const others = artifacts.filter((each) => !isExport(each) && each.kind !== "student");
  return (
    <>
      <section className="card">
        <h2>Student</h2>
        {student.length > 0 ? (
          <ArtifactList artifacts={student} />
        ) : (
          <Empty>{isFinal(job.state) ? "The job left no student: it did not succeed." : "The student comes when the job has succeeded."}</Empty>
        )}
        <p className="muted">
          From a terminal: <code>stillhouse download {job.id}</code> fetches everything, resumes what was cut, and checks every sha256.
        </p>
      </section>
      <ExportsCard job={job} made={artifacts.filter(isExport)} hasStudent={student.length > 0} asked={exports} error={exportsError} />
      {others.length > 0 && (
        <section className="card">
          <h2>What else it left</h2>
          <ArtifactList artifacts={others} />
        </section>
      )}
    </>
  );
}
