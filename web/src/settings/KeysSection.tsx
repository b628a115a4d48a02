/** API keys: made, listed, revoked. */

import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { formatDay } from "../format";
import { Link } from "../router";
import { useMay, useSession } from "../session/useMay";
import { Age } from "../ui/Age";
import { ArmedButton } from "../ui/ArmedButton";
import { LoadMore } from "../ui/LoadMore";
import { NeedsScope } from "../ui/NeedsScope";
import { Empty, Failure, Loading } from "../ui/Notice";
import { TableFrame } from "../ui/TableFrame";
import { KeyForm } from "./KeyForm";
import { pagesQuery, revokeKey, SETTINGS, type Key, type MintedKey } from "./queries";
import { Secret } from "./Secret";

export function KeysSection() {
  const mayAdmin = useMay("admin");
  const session = useSession();
  const [minted, setMinted] = useState<MintedKey | null>(null);
  const list = useInfiniteQuery({ ...pagesQuery<Key>("/v1/api-keys"), enabled: mayAdmin });
  const keys = list.data?.pages.flatMap((page) => page.data) ?? [];
  if (!mayAdmin) return <NeedsScope scope="admin" what="see or make keys" />;
  return (
    <section>
      <h2 className="section-title">Keys</h2>
      {minted && (
        <Secret
          title={`The key “${minted.name}” is made`}
          secret={minted.secret}
          hint="Its owner sends it as Authorization: Bearer, puts it into STILLHOUSE_API_KEY, or signs in with it here."
          onDone={() => setMinted(null)}
        />
      )}
      <KeyForm onMade={setMinted} />
      {list.isError && <Failure error={list.error} onRetry={() => void list.refetch()} />}
      {list.isPending && <Loading what="the keys" />}
      {list.data && keys.length === 0 && <Empty>There is no key yet: make one above.</Empty>}
      {keys.length > 0 && (
        <TableFrame label="Keys">
          <table className="plain-table">
            <thead>
              <tr>
                <th scope="col">Key</th>
                <th scope="col">Scopes</th>
                <th scope="col">Project</th>
                <th scope="col">Last used</th>
                <th scope="col">Ends</th>
                <th scope="col">
                  <span className="visually-hidden">Revoke</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {keys.map((key) => (
                <KeyRow key={key.id} apiKey={key} isOwn={key.id === session?.key_id} />
              ))}
            </tbody>
          </table>
        </TableFrame>
      )}
      <LoadMore list={list} />
    </section>
  );
}

function KeyRow({ apiKey, isOwn }: { apiKey: Key; isOwn: boolean }) {
  const client = useQueryClient();
  const revoke = useMutation({ mutationFn: () => revokeKey(apiKey.id), onSettled: () => client.invalidateQueries({ queryKey: SETTINGS }) });
  return (
    <tr data-testid="key-row" className={apiKey.revoked_at ? "is-over" : undefined}>
      <td className="name-cell">
        <span dir="auto">{apiKey.name}</span>
        <span className="muted small">
          <code>{apiKey.prefix}…</code>
          {isOwn && " the key of this session"} · <Link href={`/settings/audit?actor=${apiKey.id}`}>what it did</Link>
        </span>
      </td>
      <td className="wrap-cell">{apiKey.scopes.join(", ")}</td>
      <td>{apiKey.project ?? "all"}</td>
      <td>{apiKey.last_used_at ? <Age time={apiKey.last_used_at} /> : "never"}</td>
      <td>{apiKey.revoked_at ? <span className="pill">revoked</span> : <Expiry time={apiKey.expires_at} />}</td>
      <td>
        {revoke.error && (
          <span className="bad small" role="alert">
            {revoke.error.message}
          </span>
        )}
        {!apiKey.revoked_at && (
          <ArmedButton
            label="Revoke"
            armed={isOwn ? "Click again: signs you out" : "Click again to revoke"}
            about={apiKey.name}
            disabled={revoke.isPending}
            onConfirm={() => revoke.mutate()}
          />
        )}
      </td>
    </tr>
  );
}

function Expiry({ time }: { time: string | null }) {
  if (!time) return <>never</>;
  return Date.parse(time) < Date.now() ? <span className="pill">expired</span> : <>{formatDay(time)}</>;
}
