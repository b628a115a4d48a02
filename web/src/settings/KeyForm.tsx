/** Makes a key. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";

import type { Scope } from "../session/useMay";
import { FormProblems } from "./FormProblems";
import { makeKey, SETTINGS, type MintedKey } from "./queries";

const SCOPES: readonly { scope: Scope; allows: string }[] = [
  { scope: "jobs:read", allows: "see jobs, metrics, logs, workers and components; check specs" },
  { scope: "jobs:write", allows: "submit, change and end jobs" },
  { scope: "artifacts:read", allows: "see and download what jobs made" },
  { scope: "admin", allows: "everything, and keys, projects, workers and the audit" },
];
const DAY_S = 86_400;
const LIVES = [
  ["", "never"],
  ["1", "after a day"],
  ["7", "after 7 days"],
  ["30", "after 30 days"],
  ["90", "after 90 days"],
  ["365", "after a year"],
] as const;

export function KeyForm({ onMade }: { onMade: (key: MintedKey) => void }) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>(["jobs:read"]);
  const [project, setProject] = useState("");
  const [days, setDays] = useState("");
  const make = useMutation({
    mutationFn: () =>
      makeKey({
        name: name.trim(),
        scopes,
        ...(project.trim() && { project: project.trim() }),
        ...(days && { expires_in_s: Number(days) * DAY_S }),
      }),
    onSuccess: (key) => {
      setName("");
      onMade(key);
    },
    onSettled: () => client.invalidateQueries({ queryKey: SETTINGS }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  const toggle = (scope: Scope) => setScopes((held) => (held.includes(scope) ? held.filter((each) => each !== scope) : [...held, scope]));
  return (
    <form className="card settings-form" onSubmit={submit}>
      <h3>Make a key</h3>
      <div className="fields">
        <div className="field">
          <label htmlFor="key-name">name</label>
          <input id="key-name" required maxLength={255} dir="auto" value={name} onChange={(event) => setName(event.target.value)} />
          <p className="field-about">Whose it is, or what it is for.</p>
        </div>
        <div className="field">
          <label htmlFor="key-project">project</label>
          <input id="key-project" pattern="[a-z0-9][a-z0-9._\-]*" maxLength={63} placeholder="all" value={project} onChange={(event) => setProject(event.target.value)} />
          <p className="field-about">The one project that it may see.</p>
        </div>
        <div className="field">
          <label htmlFor="key-life">ends</label>
          <select id="key-life" value={days} onChange={(event) => setDays(event.target.value)}>
            {LIVES.map(([value, title]) => (
              <option key={value} value={value}>
                {title}
              </option>
            ))}
          </select>
        </div>
      </div>
      <fieldset className="choices">
        <legend>scopes</legend>
        {SCOPES.map(({ scope, allows }) => (
          <label key={scope} className="tick">
            <input type="checkbox" checked={scopes.includes(scope)} onChange={() => toggle(scope)} />
            <code>{scope}</code> <span className="muted">{allows}</span>
          </label>
        ))}
      </fieldset>
      <FormProblems error={make.error} />
      <button type="submit" className="button button-primary" disabled={make.isPending || scopes.length === 0}>
        Make the key
      </button>
    </form>
  );
}
