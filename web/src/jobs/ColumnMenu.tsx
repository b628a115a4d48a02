/** Which columns the table has, and in which order. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import type { Job } from "../api/types";
import { Menu } from "../ui/Menu";
import { findColumn, PLAIN_COLUMNS } from "./columns";
import { DEFAULT_COLUMNS } from "./jobsView";
import { measuresQuery } from "./queries";

const LOOKED_AT = 20;

interface Props {
  columns: readonly string[];
  jobs: readonly Job[];
  onColumns: (columns: readonly string[]) => void;
}

export function ColumnMenu(props: Props) {
  return (
    <Menu label="Columns" title="Columns">
      {() => <ColumnPanel {...props} />}
    </Menu>
  );
}

function ColumnPanel({ columns, jobs, onColumns }: Props) {
  const move = (index: number, by: number) => {
    const next = [...columns];
    next.splice(index + by, 0, ...next.splice(index, 1));
    onColumns(next);
  };
  return (
    <>
      <h2>Shown</h2>
      {columns.length === 0 && <p className="muted">The job alone. Add columns below.</p>}
      <ol className="column-list">
        {columns.map((id, index) => (
          <li key={id}>
            <span className="cut" title={id}>
              {titleOf(id)}
            </span>
            <button type="button" className="icon-button" disabled={index === 0} aria-label={`Move ${titleOf(id)} to the left`} onClick={() => move(index, -1)}>
              ↑
            </button>
            <button type="button" className="icon-button" disabled={index === columns.length - 1} aria-label={`Move ${titleOf(id)} to the right`} onClick={() => move(index, 1)}>
              ↓
            </button>
            <button type="button" className="icon-button" aria-label={`Remove ${titleOf(id)}`} onClick={() => onColumns(columns.filter((each) => each !== id))}>
              ×
            </button>
          </li>
        ))}
      </ol>
      <Offers columns={columns} jobs={jobs} onAdd={(id) => onColumns(addColumn(columns, id))} />
      <button type="button" className="text-button" onClick={() => onColumns(DEFAULT_COLUMNS)}>
        back to the usual columns
      </button>
    </>
  );
}

/** The columns with one more; a second sparkline takes the place of the first. */
export function addColumn(columns: readonly string[], id: string): string[] {
  const kept = id.startsWith("spark:") ? columns.filter((each) => !each.startsWith("spark:")) : columns;
  return kept.includes(id) ? [...kept] : [...kept, id];
}

interface OffersProps {
  columns: readonly string[];
  jobs: readonly Job[];
  onAdd: (id: string) => void;
}

function Offers({ columns, jobs, onAdd }: OffersProps) {
  const looked = jobs.slice(0, LOOKED_AT).map(({ id }) => id);
  const measures = useQuery(measuresQuery(looked)).data;
  const labels = [...new Set(jobs.flatMap((job) => Object.keys(job.labels)))].sort();
  const groups: readonly [string, readonly string[]][] = [
    ["Of the job", PLAIN_COLUMNS],
    ["Figures of the end", (measures?.figures ?? []).map((key) => `figure:${key}`)],
    ["Last values", (measures?.metrics ?? []).map((key) => `metric:${key}`)],
    ["Curves", (measures?.metrics ?? []).filter((key) => !key.startsWith("cost/")).map((key) => `spark:${key}`)],
    ["Labels", labels.map((key) => `label:${key}`)],
  ];
  return (
    <>
      <h2>Add</h2>
      <label className="menu-field">
        <span>column</span>
        <select value="" onChange={(event) => onAdd(event.target.value)}>
          <option value="" disabled>
            choose…
          </option>
          {groups.map(([title, ids]) => (
            <optgroup key={title} label={title}>
              {ids.filter((id) => !columns.includes(id)).map((id) => (
                <option key={id} value={id}>
                  {titleOf(id)}
                </option>
              ))}
            </optgroup>
          ))}
        </select>
      </label>
      <MetricField onAdd={onAdd} />
    </>
  );
}

function MetricField({ onAdd }: { onAdd: (id: string) => void }) {
  const [key, setKey] = useState("");
  return (
    <form
      className="menu-field"
      onSubmit={(event) => {
        event.preventDefault();
        if (!key.trim()) return;
        onAdd(`metric:${key.trim().replaceAll(" ", "")}`);
        setKey("");
      }}
    >
      <label htmlFor="metric-column">metric</label>
      <input id="metric-column" value={key} maxLength={128} placeholder="any key, as val/accuracy" onChange={(event) => setKey(event.target.value)} />
      <button type="submit" className="button" disabled={!key.trim()}>
        Add
      </button>
    </form>
  );
}

function titleOf(id: string): string {
  const title = findColumn(id)?.title ?? `${id} (unknown)`;
  return id.startsWith("spark:") ? `${title}, curve` : title;
}
