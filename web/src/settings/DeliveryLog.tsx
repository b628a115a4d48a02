/** What was sent to a webhook, and how it went. */

import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";

import type { Page } from "../api/types";
import { formatNumber } from "../format";
import { usePollInterval } from "../live/LiveProvider";
import { Age } from "../ui/Age";
import { LoadMore } from "../ui/LoadMore";
import { Empty, Failure, Loading } from "../ui/Notice";
import { TableFrame } from "../ui/TableFrame";
import { pagesQuery, redeliver, SETTINGS, type Delivery, type Webhook } from "./queries";

const POLL_SENT_MS = 1_000;

/** Whether a message of a page waits for its first answer, which comes within seconds. */
function isOnItsWay({ data }: Page<Delivery>): boolean {
  return data.some(({ state, num_attempts }) => state === "pending" && num_attempts === 0);
}

export function DeliveryLog({ webhook, mayWrite }: { webhook: Webhook; mayWrite: boolean }) {
  const usual = usePollInterval();
  const log = useInfiniteQuery({
    ...pagesQuery<Delivery>(`/v1/webhooks/${webhook.id}/deliveries`),
    refetchInterval: ({ state }) => (state.data?.pages.some(isOnItsWay) ? POLL_SENT_MS : usual),
  });
  const deliveries = log.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <div className="deliveries">
      {log.isError && <Failure error={log.error} onRetry={() => void log.refetch()} />}
      {log.isPending && <Loading what="its messages" />}
      {log.data && deliveries.length === 0 && <Empty>Nothing was sent yet: a test shows whether its address answers.</Empty>}
      {deliveries.length > 0 && (
        <TableFrame label={`Messages to ${webhook.url}`}>
          <table className="plain-table">
            <thead>
              <tr>
                <th scope="col">Message</th>
                <th scope="col">State</th>
                <th scope="col">Answer</th>
                <th scope="col">Attempts</th>
                <th scope="col">When</th>
                {mayWrite && (
                  <th scope="col">
                    <span className="visually-hidden">Send again</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {deliveries.map((delivery) => (
                <DeliveryRow key={delivery.id} delivery={delivery} mayWrite={mayWrite} />
              ))}
            </tbody>
          </table>
        </TableFrame>
      )}
      <LoadMore list={log} />
    </div>
  );
}

const LOOKS: Record<string, string> = { delivered: "pill-succeeded", succeeded: "pill-succeeded", failed: "pill-failed", pending: "pill-queued" };

function tellAnswer({ status_code, error }: Delivery): string {
  return status_code === null ? (error ?? "none yet") : `answered ${status_code}`;
}

function DeliveryRow({ delivery, mayWrite }: { delivery: Delivery; mayWrite: boolean }) {
  const client = useQueryClient();
  const again = useMutation({
    mutationFn: () => redeliver(delivery.webhook_id, delivery.id),
    onSettled: () => client.invalidateQueries({ queryKey: SETTINGS }),
  });
  return (
    <tr data-testid="delivery">
      <td>
        {delivery.type}
        <span className="muted small">
          <code>{delivery.id}</code>
        </span>
      </td>
      <td>
        <span className={`pill ${LOOKS[delivery.state] ?? ""}`}>{delivery.state}</span>
      </td>
      <td className="wrap-cell">
        {tellAnswer(delivery)}
        {delivery.duration_ms !== null && <span className="muted small">{formatNumber(delivery.duration_ms)} ms</span>}
      </td>
      <td className="number">{delivery.num_attempts}</td>
      <td>
        <Age time={delivery.created_at} />
      </td>
      {mayWrite && (
        <td>
          {again.error && (
            <span className="bad small" role="alert">
              {again.error.message}
            </span>
          )}
          <button type="button" className="button" disabled={again.isPending} onClick={() => again.mutate()}>
            Send again
          </button>
        </td>
      )}
    </tr>
  );
}
