/** Webhooks: who is told what, and how it went. */

import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { Link } from "../router";
import { useMay } from "../session/useMay";
import { ArmedButton } from "../ui/ArmedButton";
import { LoadMore } from "../ui/LoadMore";
import { NeedsScope } from "../ui/NeedsScope";
import { Empty, Failure, Loading } from "../ui/Notice";
import { DeliveryLog } from "./DeliveryLog";
import { changeWebhook, pagesQuery, removeWebhook, SETTINGS, testWebhook, type NewWebhook, type Webhook } from "./queries";
import { Secret } from "./Secret";
import { WebhookForm } from "./WebhookForm";

/** `chosen` is the webhook whose messages are shown. */
export function WebhooksSection({ chosen }: { chosen: string }) {
  const mayWrite = useMay("jobs:write");
  const [made, setMade] = useState<NewWebhook | null>(null);
  const list = useInfiniteQuery(pagesQuery<Webhook>("/v1/webhooks"));
  const webhooks = list.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <section>
      <h2 className="section-title">Webhooks</h2>
      {made && (
        <Secret title={`The webhook to ${made.url} is made`} secret={made.secret} hint="It signs the messages, as Standard Webhooks says." onDone={() => setMade(null)} />
      )}
      {mayWrite ? <WebhookForm onMade={setMade} /> : <NeedsScope scope="jobs:write" what="make or change webhooks" />}
      {list.isError && <Failure error={list.error} onRetry={() => void list.refetch()} />}
      {list.isPending && <Loading what="the webhooks" />}
      {list.data && webhooks.length === 0 && <Empty>Nobody is told anything yet: make a webhook above, and its address hears of what happens to jobs.</Empty>}
      <div className="webhooks">
        {webhooks.map((webhook) => (
          <WebhookCard key={webhook.id} webhook={webhook} isOpen={webhook.id === chosen} mayWrite={mayWrite} />
        ))}
      </div>
      <LoadMore list={list} />
    </section>
  );
}

function WebhookCard({ webhook, isOpen, mayWrite }: { webhook: Webhook; isOpen: boolean; mayWrite: boolean }) {
  return (
    <section className="card" data-testid="webhook">
      <div className="card-head">
        <h3 className="address">{webhook.url}</h3>
        {webhook.is_enabled ? <span className="pill pill-succeeded">on</span> : <span className="pill">off</span>}
      </div>
      {webhook.disabled_reason && (
        <p className="notice notice-warn">
          <span>Switched off by the service: {webhook.disabled_reason}</span>
        </p>
      )}
      <p className="muted">
        is told of {webhook.types.join(", ")}; project {webhook.project}
        {webhook.num_failures > 0 && `; ${webhook.num_failures} messages in a row were given up`}
      </p>
      <div className="card-buttons">
        <Link className="button" href={isOpen ? "/settings/webhooks" : `/settings/webhooks/${webhook.id}`}>
          {isOpen ? "Hide its messages" : "Show its messages"}
        </Link>
        {mayWrite && <WebhookButtons webhook={webhook} />}
      </div>
      {isOpen && <DeliveryLog webhook={webhook} mayWrite={mayWrite} />}
    </section>
  );
}

function WebhookButtons({ webhook }: { webhook: Webhook }) {
  const client = useQueryClient();
  const ask = useMutation({
    mutationFn: async (what: "test" | "switch" | "remove") => {
      if (what === "test") await testWebhook(webhook.id);
      if (what === "switch") await changeWebhook(webhook.id, { is_enabled: !webhook.is_enabled });
      if (what === "remove") await removeWebhook(webhook.id);
    },
    onSettled: () => client.invalidateQueries({ queryKey: SETTINGS }),
  });
  return (
    <>
      <button type="button" className="button" disabled={ask.isPending} onClick={() => ask.mutate("test")}>
        Send a test
      </button>
      <button type="button" className="button" disabled={ask.isPending} onClick={() => ask.mutate("switch")}>
        {webhook.is_enabled ? "Switch off" : "Switch on"}
      </button>
      <ArmedButton label="Remove" armed="Click again to remove" about={webhook.url} disabled={ask.isPending} onConfirm={() => ask.mutate("remove")} />
      {ask.error && (
        <span className="bad" role="alert">
          {ask.error.message}
        </span>
      )}
      {ask.isSuccess && ask.variables === "test" && <span className="good">sent; see its messages</span>}
    </>
  );
}
