/** Makes a webhook. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";

import { JOB_STATES } from "../jobStates";
import { FormProblems } from "./FormProblems";
import { makeWebhook, SETTINGS, type NewWebhook } from "./queries";

/** One a state; a job that runs has started. */
const TYPES = JOB_STATES.map((state) => `job.${state === "running" ? "started" : state}`);
const USUAL = ["job.succeeded", "job.failed"];

export function WebhookForm({ onMade }: { onMade: (webhook: NewWebhook) => void }) {
  const client = useQueryClient();
  const [url, setUrl] = useState("");
  const [types, setTypes] = useState<readonly string[]>(USUAL);
  const make = useMutation({
    mutationFn: () => makeWebhook({ url: url.trim(), types }),
    onSuccess: (webhook) => {
      setUrl("");
      onMade(webhook);
    },
    onSettled: () => client.invalidateQueries({ queryKey: SETTINGS }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  const toggle = (type: string) => setTypes((told) => (told.includes(type) ? told.filter((each) => each !== type) : [...told, type]));
  return (
    <form className="card settings-form" onSubmit={submit}>
      <h3>Make a webhook</h3>
      <div className="field">
        <label htmlFor="webhook-url">address</label>
        <input id="webhook-url" type="url" required maxLength={2048} placeholder="https://…" value={url} onChange={(event) => setUrl(event.target.value)} />
        <p className="field-about">A public http or https address; redirects are not followed.</p>
      </div>
      <fieldset className="choices choices-row">
        <legend>is told when a job is</legend>
        {TYPES.map((type) => (
          <label key={type} className="tick">
            <input type="checkbox" checked={types.includes(type)} onChange={() => toggle(type)} />
            {type.replace("job.", "")}
          </label>
        ))}
      </fieldset>
      <FormProblems error={make.error} />
      <button type="submit" className="button button-primary" disabled={make.isPending || types.length === 0}>
        Make the webhook
      </button>
    </form>
  );
}
