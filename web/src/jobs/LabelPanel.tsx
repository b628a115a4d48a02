/** Labels of the chosen jobs: which they have, add one to all, take one off all. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import type { Job } from "../api/types";
import { doToAll, labelJob, refreshLists } from "./queries";

const KEY = "[A-Za-z0-9][A-Za-z0-9._\\/\\-]{0,62}";

export interface LabelCount {
  key: string;
  value: string;
  count: number;
}

/** Return the labels of the jobs and how many of them have each. */
export function countLabels(jobs: readonly Job[]): LabelCount[] {
  const counts = new Map<string, LabelCount>();
  for (const { labels } of jobs) {
    for (const [key, value] of Object.entries(labels)) {
      const name = JSON.stringify([key, value]);
      counts.set(name, { key, value, count: (counts.get(name)?.count ?? 0) + 1 });
    }
  }
  return [...counts.values()].sort((a, b) => a.key.localeCompare(b.key) || a.value.localeCompare(b.value));
}

export function LabelPanel({ jobs }: { jobs: readonly Job[] }) {
  const client = useQueryClient();
  const label = useMutation({
    mutationFn: ({ ids, labels }: { ids: string[]; labels: Record<string, string | null> }) => doToAll(ids, (id) => labelJob(id, labels)),
    onSettled: () => refreshLists(client),
  });
  const take = ({ key, value }: LabelCount) =>
    label.mutate({ ids: jobs.filter(({ labels }) => labels[key] === value).map(({ id }) => id), labels: { [key]: null } });
  const failed = label.data?.[0];
  return (
    <div className="label-panel">
      <ul className="filter-chips" aria-label="Labels of the chosen jobs">
        {countLabels(jobs).map((each) => (
          <li key={`${each.key} ${each.value}`}>
            <bdi>
              {each.key}: {each.value}
            </bdi>
            {each.count < jobs.length && <span className="muted">on {each.count}</span>}
            <button type="button" aria-label={`Take ${each.key}: ${each.value} off`} disabled={label.isPending} onClick={() => take(each)}>
              ×
            </button>
          </li>
        ))}
      </ul>
      <LabelForm isBusy={label.isPending} onLabel={(key, value) => label.mutate({ ids: jobs.map(({ id }) => id), labels: { [key]: value } })} />
      {label.isError && <span className="bad">{label.error.message}</span>}
      {failed && (
        <span className="bad" role="alert">
          {label.data!.length} could not be labelled: {failed.error.message}
        </span>
      )}
    </div>
  );
}

function LabelForm({ isBusy, onLabel }: { isBusy: boolean; onLabel: (key: string, value: string) => void }) {
  const [key, setKey] = useState("");
  const [value, setValue] = useState("");
  return (
    <form
      className="label-form"
      onSubmit={(event) => {
        event.preventDefault();
        onLabel(key, value);
        setValue("");
      }}
    >
      <label>
        <span>key</span>
        <input value={key} required pattern={KEY} title="Letters, digits, . _ / and -, at most 63" onChange={(event) => setKey(event.target.value)} />
      </label>
      <label>
        <span>value</span>
        <input value={value} maxLength={255} onChange={(event) => setValue(event.target.value)} />
      </label>
      <button type="submit" className="button" disabled={isBusy || !key}>
        Set on all chosen
      </button>
    </form>
  );
}
