/** Asks for the student in a form that runs without Stillhouse; a worker makes it. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";

import { FormProblems } from "../settings/FormProblems";
import { askExport, describeExport, exportsQuery, FORMATS, type Export, type ExportFormat } from "./exportQueries";

const OPSETS = [18, 19, 20, 21, 22, 23] as const;

export function ExportForm({ id }: { id: string }) {
  const client = useQueryClient();
  const [format, setFormat] = useState<ExportFormat>("onnx");
  const [until, setUntil] = useState("");
  const [opset, setOpset] = useState("");
  const ask = useMutation({
    mutationFn: () => askExport(id, { format, ...(until.trim() && { until: until.trim() }), ...(format === "onnx" && opset && { opset: Number(opset) }) }),
    onSettled: () => client.invalidateQueries({ queryKey: exportsQuery(id).queryKey }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    ask.mutate();
  };
  return (
    <form className="export-form" onSubmit={submit} aria-label="Export the student">
      <div className="field">
        <label htmlFor="export-format">form</label>
        <select id="export-format" value={format} onChange={(event) => setFormat(event.target.value as ExportFormat)}>
          {Object.entries(FORMATS).map(([key, { title, about }]) => (
            <option key={key} value={key}>
              {title}: {about}
            </option>
          ))}
        </select>
      </div>
      <div className="field">
        <label htmlFor="export-until">up to</label>
        <input id="export-until" value={until} maxLength={256} placeholder="the whole student" onChange={(event) => setUntil(event.target.value)} />
      </div>
      {format === "onnx" && (
        <div className="field">
          <label htmlFor="export-opset">operator set</label>
          <select id="export-opset" value={opset} onChange={(event) => setOpset(event.target.value)}>
            <option value="">the exporter's own</option>
            {OPSETS.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </div>
      )}
      <button type="submit" className="button" disabled={ask.isPending}>
        {ask.isPending ? "Asking…" : "Export"}
      </button>
      <FormProblems error={ask.error} />
      <p className="muted" role="status">
        {ask.data && describeAnswer(ask.data)}
      </p>
    </form>
  );
}

/** Asking twice for one form gives the export that there is. */
function describeAnswer(asked: Export): string {
  if (asked.state === "succeeded") return `${describeExport(asked)} is there already: see above.`;
  if (asked.state === "failed" || asked.state === "cancelled") return `${describeExport(asked)} was asked for before and ${asked.state}: retry it above.`;
  return `${describeExport(asked)} is on its way.`;
}
