/** The results of a job, with all that is known of them. */

import type { JobDetail } from "../api/types";
import { ArtifactList } from "./ArtifactList";

export function ArtifactsTab({ job }: { job: JobDetail }) {
  return (
    <section className="card">
      <h2>Artifacts</h2>
      <ArtifactList job={job} isFull />
      <p className="muted">
        From a terminal: <code>stillhouse download {job.id}</code> fetches them all, resumes what was cut, and checks every sha256.
      </p>
    </section>
  );
}
