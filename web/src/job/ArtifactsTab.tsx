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

export function ArtifactsTab({ job }: { job: JobDetail }) {
  const artifacts = useQuery({ ...artifactsQuery(job.id), refetchInterval: usePollInterval(isFinal(job.state)) });
  return (
    <div className="stack">
      {artifacts.isError && <Failure error={artifacts.error} onRetry={() => void artifacts.refetch()} />}
      {artifacts.isPending && <Loading what="artifacts" />}
      {artifacts.data && <Groups job={job} artifacts={artifacts.data} />}
      <CheckpointList job={job} />
    </div>
  );
}

function Groups({ job, artifacts }: { job: JobDetail; artifacts: readonly Artifact[] }) {
  const exports = artifacts.filter(isExport);
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
      <section className="card">
        <h2>Exports</h2>
        {exports.length > 0 ? (
          <ArtifactList artifacts={exports} />
        ) : (
          <Empty>
            None. A spec asks for them with <code>{"outputs: {exports: [onnx, torch_export]}"}</code>.
          </Empty>
        )}
      </section>
      {others.length > 0 && (
        <section className="card">
          <h2>What else it left</h2>
          <ArtifactList artifacts={others} />
        </section>
      )}
    </>
  );
}
