/** Who wrote what, when and from where. */

import { useInfiniteQuery } from "@tanstack/react-query";

import { formatTime, formatWord } from "../format";
import { useParam } from "../router";
import { useMay } from "../session/useMay";
import { LoadMore } from "../ui/LoadMore";
import { NeedsScope } from "../ui/NeedsScope";
import { Empty, Failure, Loading } from "../ui/Notice";
import { TableFrame } from "../ui/TableFrame";
import { pagesQuery, type AuditEntry } from "./queries";

export function AuditSection() {
  const mayAdmin = useMay("admin");
  const [actor, setActor] = useParam<string>("actor", "");
  const audit = useInfiniteQuery({ ...pagesQuery<AuditEntry>("/v1/audit", actor ? { actor } : {}), enabled: mayAdmin });
  const entries = audit.data?.pages.flatMap((page) => page.data) ?? [];
  if (!mayAdmin) return <NeedsScope scope="admin" what="read the audit" />;
  return (
    <section>
      <h2 className="section-title">Audit</h2>
      {actor && (
        <p className="notice">
          <span>
            Only what the key <code>{actor}</code> did.
          </span>
          <button type="button" className="button" onClick={() => setActor("")}>
            Show what everybody did
          </button>
        </p>
      )}
      {audit.isError && <Failure error={audit.error} onRetry={() => void audit.refetch()} />}
      {audit.isPending && <Loading what="the audit" />}
      {audit.data && entries.length === 0 && <Empty>Nobody has written anything yet.</Empty>}
      {entries.length > 0 && (
        <TableFrame label="Audit">
          <table className="plain-table">
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">What</th>
                <th scope="col">On</th>
                <th scope="col">Key</th>
                <th scope="col">From</th>
              </tr>
            </thead>
            <tbody>
              {entries.map((entry) => (
                <tr key={entry.seq}>
                  <td>{formatTime(entry.created_at)}</td>
                  <td>{formatWord(entry.action)}</td>
                  <td className="wrap-cell">{entry.target ? <code>{entry.target}</code> : "–"}</td>
                  <td>
                    <button type="button" className="text-button" onClick={() => setActor(entry.actor)} title="Show only what this key did">
                      <code>{entry.actor}</code>
                    </button>
                  </td>
                  <td>{entry.address ?? "–"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </TableFrame>
      )}
      <LoadMore list={audit} />
    </section>
  );
}
