/** Files of one's own for the spec: weights for a model, or samples for a stream. */

import { isRecord } from "../components/schema";
import type { Upload } from "../uploads/queries";
import { UploadForm } from "../uploads/UploadForm";
import { useSpecForm } from "./specContext";
import { readAt } from "./specPlaces";

export function UploadCard() {
  return (
    <details className="card upload-card">
      <summary>Upload weights or a data set</summary>
      <UploadForm>{(upload) => <Uses upload={upload} />}</UploadForm>
    </details>
  );
}

/** The places of the spec that can take it. */
function Uses({ upload: { id, kind } }: { upload: Upload }) {
  const { data, change } = useSpecForm();
  const part = kind === "weights" ? "models" : "data";
  const names = isRecord(data[part]) ? Object.keys(data[part]) : [];
  const place = (name: string) => (kind === "weights" ? ["models", name, "weights", "upload"] : ["data", name, "upload"]);
  const use = (name: string) => (kind === "weights" ? change(["models", name, "weights"], { upload: id }) : change(place(name), id));
  if (names.length === 0) return <span className="muted">The spec names no {kind === "weights" ? "model" : "stream of data"} yet that could take it.</span>;
  return (
    <span className="card-buttons">
      {names.map((name) => (
        <button type="button" key={name} className="button" disabled={readAt(data, place(name)) === id} onClick={() => use(name)}>
          {readAt(data, place(name)) === id ? "Used" : "Use"} for <bdi>{name}</bdi>
        </button>
      ))}
    </span>
  );
}
