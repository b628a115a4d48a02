/** Sends weights or a data set, with how far it is. */

import { useId, useState, type ReactNode } from "react";

import { FormProblems } from "../settings/FormProblems";
import { CopyButton } from "../ui/CopyButton";
import type { Upload, UploadKind } from "./queries";
import type { Progress } from "./sendFile";
import { useSending } from "./useSending";

const KINDS: Record<UploadKind, { title: string; holds: string; accept: string }> = {
  weights: { title: "weights", holds: "safetensors, whole; never a pickle", accept: ".safetensors" },
  dataset: { title: "data set", holds: "zip or tar (plain, gz, bz2, xz); for image_folder <split>/<class>/*.png", accept: ".zip,.tar,.gz,.tgz,.bz2,.xz" },
};

/** `children` says what may be done with an upload that is whole. No form of its own: it stands in that of a new job, too. */
export function UploadForm({ children }: { children?: (upload: Upload) => ReactNode }) {
  const id = useId();
  const [kind, setKind] = useState<UploadKind>("weights");
  const [file, setFile] = useState<File | null>(null);
  const sending = useSending();
  return (
    <div className="upload-form" role="group" aria-label="Upload a file">
      <fieldset className="upload-fields" disabled={sending.isPending}>
        <div className="field">
          <label htmlFor={`${id}-kind`}>what it holds</label>
          <select id={`${id}-kind`} aria-describedby={`${id}-about`} value={kind} onChange={(event) => setKind(event.target.value as UploadKind)}>
            {Object.entries(KINDS).map(([key, { title }]) => (
              <option key={key} value={key}>
                {title}
              </option>
            ))}
          </select>
        </div>
        <div className="field">
          <label htmlFor={`${id}-file`}>file</label>
          <input id={`${id}-file`} type="file" accept={KINDS[kind].accept} onChange={(event) => setFile(event.target.files?.[0] ?? null)} />
        </div>
        <button type="button" className="button" disabled={!file} onClick={() => file && sending.mutate({ file, kind })}>
          Upload
        </button>
        <p className="field-about" id={`${id}-about`}>
          {KINDS[kind].holds}. What is cut off goes on where it stood when the same file is chosen again within a day.
        </p>
      </fieldset>
      {sending.isPending && <SendingBar progress={sending.progress} name={sending.variables.file.name} onStop={sending.stop} />}
      {sending.isStopped ? <p className="muted">Stopped; what was sent is kept for a day.</p> : <FormProblems error={sending.error} />}
      {sending.data && (
        <div className="notice" role="status">
          <span>
            <bdi>{sending.data.name}</bdi> is there as <code>{sending.data.id}</code> <CopyButton text={sending.data.id} label="Copy the upload's id" />
          </span>
          {children?.(sending.data)}
        </div>
      )}
    </div>
  );
}

function SendingBar({ progress, name, onStop }: { progress: Progress | null; name: string; onStop: () => void }) {
  const percent = Math.floor((progress?.ratio ?? 0) * 100);
  const words = progress?.step === "sending" ? `sent ${percent} %` : `computing its sha256: ${percent} %`;
  return (
    <div className="sending">
      <div key={progress?.step} className="progress progress-running" role="progressbar" aria-label={`Upload of ${name}`} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent} aria-valuetext={words}>
        <div className="progress-fill" style={{ transform: `scaleX(${percent / 100})` }} />
      </div>
      <span className="muted" data-testid="upload-progress">
        {words}
      </span>
      <button type="button" className="button" onClick={onStop}>
        Stop
      </button>
    </div>
  );
}
