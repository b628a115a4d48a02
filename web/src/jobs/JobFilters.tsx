/** Which jobs are listed: by state, by a word of the name, by models, data, labels and age. */

import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useState } from "react";

import type { JobState } from "../api/types";
import { JOB_STATES } from "../jobStates";
import { SearchField } from "../ui/SearchField";
import { Menu } from "../ui/Menu";
import { COMPONENTS, labelParam, SPANS, type JobsView } from "./jobsView";
import { componentsQuery } from "./queries";

const OFFERED: readonly JobState[] = ["queued", "running", "succeeded", "failed", "cancelled"];
const TYPING_PAUSE_MS = 250;

interface Props {
  view: JobsView;
  onChange: (changes: Record<string, string>) => void;
}

export function JobFilters({ view, onChange }: Props) {
  const { states, text } = view;
  const shown = JOB_STATES.filter((state) => OFFERED.includes(state) || states.includes(state));
  const turn = (state: JobState) =>
    onChange({ state: JOB_STATES.filter((each) => (each === state) !== states.includes(each)).join(",") });
  return (
    <div className="filters">
      <div className="segments" role="group" aria-label="State">
        <button type="button" aria-pressed={states.length === 0} onClick={() => onChange({ state: "" })}>
          all
        </button>
        {shown.map((each) => (
          <button type="button" key={each} aria-pressed={states.includes(each)} onClick={() => turn(each)}>
            {each}
          </button>
        ))}
      </div>
      <NameSearch text={text} onText={(q) => onChange({ q })} />
      <Menu label="Filter" title="Filters">
        {() => <FilterPanel view={view} onChange={onChange} />}
      </Menu>
    </div>
  );
}

function NameSearch({ text, onText }: { text: string; onText: (text: string) => void }) {
  const [typed, setTyped] = useTyped(text, onText);
  return <SearchField label="Search by name" text={typed} onText={setTyped} />;
}

/** What is typed, told once the hand rests; when the address changes by itself, its value is shown. */
function useTyped(text: string, onText: (text: string) => void): [string, (text: string) => void] {
  const [typed, setTyped] = useState(text);
  const [shown, setShown] = useState(text);
  if (shown !== text) {
    setShown(text);
    setTyped(text);
  }
  useEffect(() => {
    if (typed === text) return;
    const timer = setTimeout(() => onText(typed), TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed, text, onText]);
  return [typed, setTyped];
}

function FilterPanel({ view, onChange }: Props) {
  const names = useQuery(componentsQuery());
  return (
    <>
      {COMPONENTS.map((kind) => (
        <ChoiceField
          key={kind}
          label={kind === "dataset" ? "data set" : kind}
          value={view.components[kind] ?? ""}
          names={names.data?.[kind] ?? []}
          onValue={(value) => onChange({ [kind]: value })}
        />
      ))}
      <LabelField onAdd={(key, value) => onChange({ [labelParam(key)]: value })} />
      <label className="menu-field">
        <span>created</span>
        <select value={view.within} onChange={(event) => onChange({ within: event.target.value, from: "", to: "" })}>
          <option value="">at any time</option>
          {Object.entries(SPANS).map(([name, { title }]) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <DayField label="from" value={view.from} onValue={(from) => onChange({ from, within: "" })} />
      <DayField label="to" value={view.to} onValue={(to) => onChange({ to, within: "" })} />
    </>
  );
}

interface FieldProps {
  label: string;
  value: string;
  onValue: (value: string) => void;
}

function ChoiceField({ label, value, names, onValue }: FieldProps & { names: readonly string[] }) {
  const id = useId();
  const [typed, setTyped] = useTyped(value, onValue);
  return (
    <label className="menu-field">
      <span>{label}</span>
      <input list={id} value={typed} maxLength={255} placeholder="any" onChange={(event) => setTyped(event.target.value)} />
      <datalist id={id}>
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </label>
  );
}

function DayField({ label, value, onValue }: FieldProps) {
  return (
    <label className="menu-field">
      <span>{label}</span>
      <input type="date" value={value} onChange={(event) => onValue(event.target.value)} />
    </label>
  );
}

function LabelField({ onAdd }: { onAdd: (key: string, value: string) => void }) {
  const [text, setText] = useState("");
  const at = text.indexOf("=");
  const isWhole = at > 0 && at < text.length - 1;
  return (
    <form
      className="menu-field"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isWhole) return;
        onAdd(text.slice(0, at).trim(), text.slice(at + 1).trim());
        setText("");
      }}
    >
      <label htmlFor="label-filter">label</label>
      <input id="label-filter" value={text} placeholder="team=vision" onChange={(event) => setText(event.target.value)} />
      <button type="submit" className="button" disabled={!isWhole}>
        Add
      </button>
    </form>
  );
}
