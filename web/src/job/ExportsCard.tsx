/** The student in other forms: those that are there, those on their way, and a way to ask for more. */

import type { Artifact, JobDetail } from "../api/types";
import { useMay } from "../session/useMay";
import { Empty, Failure } from "../ui/Notice";
import { ArtifactList } from "./ArtifactList";
import { ExportForm } from "./ExportForm";
import { ExportList } from "./ExportList";
import type { Export } from "./exportQueries";

interface Props {
  job: JobDetail;
  made: readonly Artifact[];
  hasStudent: boolean;
  asked: readonly Export[];
  error: Error | null;
}

export function ExportsCard({ job, made, hasStudent, asked, error }: Props) {
  const mayWrite = useMay("jobs:write");
  const open = asked.filter(({ state }) => state !== "succeeded");
  const isExportable = job.state === "succeeded" && hasStudent;
  return (
    <section className="card" aria-label="Exports">
      <h2>Exports</h2>
      {made.length > 0 && <ArtifactList artifacts={made} />}
      {error && <Failure error={error} />}
      {open.length > 0 && <ExportList exports={open} />}
      {made.length === 0 && open.length === 0 && (
        <Empty>
          None yet. {isExportable && mayWrite ? "Ask for one here, or let" : "Let"} a spec ask for them from the start with{" "}
          <code>{"outputs: {exports: [onnx, torch_export]}"}</code>.
        </Empty>
      )}
      {isExportable && mayWrite && <ExportForm id={job.id} />}
    </section>
  );
}
