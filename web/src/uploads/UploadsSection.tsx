/** Uploads: what was sent, how far it is, and its removal. */

import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";

import { formatBytes, formatPercent } from "../format";
import { usePollInterval } from "../live/LiveProvider";
import { useMay } from "../session/useMay";
import { Age } from "../ui/Age";
import { ArmedButton } from "../ui/ArmedButton";
import { CopyButton } from "../ui/CopyButton";
import { LoadMore } from "../ui/LoadMore";
import { NeedsScope } from "../ui/NeedsScope";
import { Empty, Failure, Loading } from "../ui/Notice";
import { TableFrame } from "../ui/TableFrame";
import { removeUpload, UPLOADS, uploadsQuery, type Upload } from "./queries";
import { UploadForm } from "./UploadForm";

export function UploadsSection() {
  const mayWrite = useMay("jobs:write");
  const list = useInfiniteQuery({ ...uploadsQuery(), refetchInterval: usePollInterval() });
  const uploads = list.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <section>
      <h2 className="section-title">Uploads</h2>
      {mayWrite ? (
        <div className="card">
          <UploadForm />
        </div>
      ) : (
        <NeedsScope scope="jobs:write" what="upload or remove files" />
      )}
      {list.isError && <Failure error={list.error} onRetry={() => void list.refetch()} />}
      {list.isPending && <Loading what="the uploads" />}
      {list.data && uploads.length === 0 && <Empty>Nothing was uploaded yet: weights and data sets that specs name as upload are kept here.</Empty>}
      {uploads.length > 0 && <UploadTable uploads={uploads} mayWrite={mayWrite} />}
      <LoadMore list={list} />
    </section>
  );
}

function UploadTable({ uploads, mayWrite }: { uploads: readonly Upload[]; mayWrite: boolean }) {
  return (
    <TableFrame label="Uploads" kind="uploads">
      <table className="plain-table">
        <thead>
          <tr>
            <th scope="col">File</th>
            <th scope="col">Holds</th>
            <th scope="col">Size</th>
            <th scope="col">State</th>
            <th scope="col">Uploaded</th>
            {mayWrite && (
              <th scope="col">
                <span className="visually-hidden">Remove</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {uploads.map((upload) => (
            <UploadRow key={upload.id} upload={upload} mayWrite={mayWrite} />
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

function UploadRow({ upload, mayWrite }: { upload: Upload; mayWrite: boolean }) {
  const client = useQueryClient();
  const remove = useMutation({ mutationFn: () => removeUpload(upload.id), onSettled: () => client.invalidateQueries({ queryKey: UPLOADS }) });
  return (
    <tr data-testid="upload">
      <th scope="row" className="name-cell">
        <span dir="auto" title={upload.name}>
          {upload.name}
        </span>
        <span className="muted small">
          <code>{upload.id}</code> <CopyButton text={upload.id} label={`Copy the id of ${upload.name}`} />
        </span>
      </th>
      <td>{upload.kind === "dataset" ? "data set" : upload.kind}</td>
      <td className="number">{formatBytes(upload.size)}</td>
      <td>
        {upload.state === "complete" ? (
          <span className="pill pill-succeeded">complete</span>
        ) : (
          <span className="pill pill-running">{formatPercent(upload.offset / upload.size)} sent</span>
        )}
      </td>
      <td>
        <Age time={upload.created_at} />
      </td>
      {mayWrite && (
        <td className="wrap-cell">
          <ArmedButton label="Remove" armed="Click again to remove" about={upload.name} disabled={remove.isPending} onConfirm={() => remove.mutate()} />
          {remove.error && (
            <span className="bad small" role="alert">
              {remove.error.message}
            </span>
          )}
        </td>
      )}
    </tr>
  );
}
