/** Exports that have not become artifacts: those on their way, and those that failed, with the reason. */

import { useMutation, useQueryClient } from "@tanstack/react-query";

import { askJob } from "../api/queries";
import { isCancellable, isFinal } from "../jobStates";
import { Link } from "../router";
import { useMay } from "../session/useMay";
import { Age } from "../ui/Age";
import { StatePill } from "../ui/StatePill";
import { describeExport, exportsQuery, type Export } from "./exportQueries";

const WAITING: Partial<Record<Export["state"], string>> = {
  queued: "Waits for a device.",
  starting: "The engine starts.",
  running: "Written and compared with the student.",
  cancelling: "Being stopped.",
};

export function ExportList({ exports }: { exports: readonly Export[] }) {
  return (
    <ul className="exports" aria-label="Exports asked for">
      {exports.map((each) => (
        <ExportItem key={each.id} asked={each} />
      ))}
    </ul>
  );
}

function ExportItem({ asked }: { asked: Export }) {
  const client = useQueryClient();
  const mayWrite = useMay("jobs:write");
  const ask = useMutation({
    mutationFn: (verb: "retry" | "cancel") => askJob(asked.id, verb),
    onSettled: () => client.invalidateQueries({ queryKey: exportsQuery(asked.job_id).queryKey }),
  });
  const words = asked.status_message ?? WAITING[asked.state];
  return (
    <li data-testid="export" data-state={asked.state}>
      <StatePill state={asked.state} />
      <div className="export-words">
        <strong dir="auto">{describeExport(asked)}</strong>
        {words && (
          <span className={asked.state === "failed" ? "bad" : "muted"} dir="auto">
            {words}
          </span>
        )}
        <span className="muted small">
          asked for <Age time={asked.created_at} /> · <Link href={`/jobs/${asked.id}?tab=log`}>log</Link>
        </span>
        {ask.error && (
          <span className="bad" role="alert">
            {ask.error.message}
          </span>
        )}
      </div>
      {mayWrite && isCancellable(asked.state) && (
        <button type="button" className="button" aria-label={`Cancel the export as ${describeExport(asked)}`} disabled={ask.isPending} onClick={() => ask.mutate("cancel")}>
          Cancel
        </button>
      )}
      {mayWrite && isFinal(asked.state) && asked.state !== "succeeded" && (
        <button type="button" className="button" aria-label={`Retry the export as ${describeExport(asked)}`} disabled={ask.isPending} onClick={() => ask.mutate("retry")}>
          Retry
        </button>
      )}
    </li>
  );
}
