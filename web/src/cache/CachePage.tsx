/** The teacher cache: what is stored, what it takes, what it has saved. */

import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";

import { formatBytes, formatDuration, formatWord } from "../format";
import { usePollInterval } from "../live/LiveProvider";
import { useMay } from "../session/useMay";
import { Age } from "../ui/Age";
import { ArmedButton } from "../ui/ArmedButton";
import { LoadMore } from "../ui/LoadMore";
import { NeedsScope } from "../ui/NeedsScope";
import { Empty, Failure, Loading } from "../ui/Notice";
import { TableFrame } from "../ui/TableFrame";
import { useTitle } from "../ui/useTitle";
import { CACHE, cacheQuery, removeEntry, type CacheEntry, type CachePage as Totals } from "./queries";

const KEY_LENGTH = 12;

export function CachePage() {
  useTitle("Teacher cache");
  const mayAdmin = useMay("admin");
  const cache = useInfiniteQuery({ ...cacheQuery(), refetchInterval: usePollInterval() });
  const entries = cache.data?.pages.flatMap((page) => page.data) ?? [];
  const totals = cache.data?.pages[0];
  return (
    <>
      <div className="page-head">
        <h1>Teacher cache</h1>
      </div>
      {cache.isError && <Failure error={cache.error} onRetry={() => void cache.refetch()} />}
      {cache.isPending && <Loading what="the cache" />}
      {totals && <TotalsRow totals={totals} />}
      {totals && entries.length === 0 && (
        <Empty>
          No teacher outputs are stored. A job stores them where that pays (<code>cache: {"{mode: auto}"}</code> in a stage), and every later job with the same
          teacher, data and view reads them instead of running the teacher.
        </Empty>
      )}
      {entries.length > 0 && !mayAdmin && <NeedsScope scope="admin" what="remove stored outputs" />}
      {entries.length > 0 && (
        <TableFrame label="Stored teacher outputs">
          <table className="plain-table">
            <thead>
              <tr>
                <th scope="col">Outputs</th>
                <th scope="col">State</th>
                <th scope="col">Size</th>
                <th scope="col">Hits</th>
                <th scope="col">Saved</th>
                <th scope="col">Last used</th>
                <th scope="col">Stored</th>
                {mayAdmin && (
                  <th scope="col">
                    <span className="visually-hidden">Remove</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {entries.map((entry) => (
                <EntryRow key={entry.id} entry={entry} mayAdmin={mayAdmin} />
              ))}
            </tbody>
          </table>
        </TableFrame>
      )}
      <LoadMore list={cache} />
    </>
  );
}

function TotalsRow({ totals }: { totals: Totals }) {
  const told = [
    ["entries", String(totals.num_entries)],
    ["on disk", formatBytes(totals.size)],
    ["hits", String(totals.num_hits)],
    ["device time saved", formatDuration(totals.saved_s)],
  ] as const;
  return (
    <dl className="totals" data-testid="cache-totals">
      {told.map(([name, value]) => (
        <div key={name} className="card">
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function EntryRow({ entry, mayAdmin }: { entry: CacheEntry; mayAdmin: boolean }) {
  const client = useQueryClient();
  const remove = useMutation({ mutationFn: () => removeEntry(entry.key), onSettled: () => client.invalidateQueries({ queryKey: CACHE }) });
  return (
    <tr data-testid="cache-entry">
      <td className="name-cell">
        <span dir="auto">{describeFacts(entry.facts)}</span>
        <span className="muted small" title={entry.key}>
          <code>{entry.key.slice(0, KEY_LENGTH)}</code> in {entry.root}
        </span>
      </td>
      <td>
        {entry.delete_requested_at ? (
          <span className="pill">to be removed</span>
        ) : entry.is_ready ? (
          <span className="pill pill-succeeded">ready</span>
        ) : (
          <span className="pill pill-running">being stored</span>
        )}
      </td>
      <td className="number">{formatBytes(entry.size)}</td>
      <td className="number">{entry.num_hits}</td>
      <td className="number">{formatDuration(entry.saved_s)}</td>
      <td>
        <Age time={entry.used_at} />
      </td>
      <td>
        <Age time={entry.created_at} />
      </td>
      {mayAdmin && (
        <td>
          {remove.error && (
            <span className="bad small" role="alert">
              {remove.error.message}
            </span>
          )}
          {!entry.delete_requested_at && (
            <ArmedButton label="Remove" armed="Click again to remove" about={describeFacts(entry.facts)} disabled={remove.isPending} onConfirm={() => remove.mutate()} />
          )}
        </td>
      )}
    </tr>
  );
}

/** "resnet20, main, 1437 rows": what the worker told, whatever it is. */
function describeFacts(facts: CacheEntry["facts"]): string {
  const told = Object.entries(facts).map(([name, value]) => {
    if (typeof value === "number") return `${value.toLocaleString("en")} ${formatWord(name)}`;
    return typeof value === "string" ? value : Array.isArray(value) ? value.join(", ") : JSON.stringify(value);
  });
  return told.join(" · ") || "teacher outputs";
}
