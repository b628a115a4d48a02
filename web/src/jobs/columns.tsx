/** The columns that the list of jobs can show, each found by its name in the address. */

import type { ReactNode } from "react";

import type { Job } from "../api/types";
import { formatWord } from "../format";
import { isFinal } from "../jobStates";
import { nameMeasure, showMeasure } from "../measures";
import { Age } from "../ui/Age";
import { Duration } from "../ui/Duration";
import { describeProgress, ProgressBar } from "../ui/ProgressBar";
import { StatePill } from "../ui/StatePill";
import { Sparkline } from "./Sparkline";

export interface Column {
  id: string;
  title: string;
  /** In pixels. */
  width: number;
  isNumber: boolean;
  /** What the server can sort by, or nothing. */
  sort: string | null;
  render: (job: Job, spark: readonly number[] | undefined) => ReactNode;
}

type Plain = Omit<Column, "id">;

const PLAIN: Readonly<Record<string, Plain>> = {
  state: { title: "State", width: 146, isNumber: false, sort: null, render: renderState },
  progress: { title: "Progress", width: 190, isNumber: false, sort: null, render: renderProgress },
  duration: { title: "Duration", width: 120, isNumber: true, sort: null, render: (job) => <Duration job={job} /> },
  created: { title: "Created", width: 130, isNumber: true, sort: "created_at", render: (job) => <Age time={job.created_at} /> },
  started: { title: "Started", width: 130, isNumber: true, sort: null, render: (job) => renderAge(job.started_at) },
  finished: { title: "Finished", width: 130, isNumber: true, sort: null, render: (job) => renderAge(job.finished_at) },
  student: { title: "Student", width: 150, isNumber: false, sort: null, render: (job) => renderText(job.summary.student) },
  teachers: { title: "Teachers", width: 150, isNumber: false, sort: null, render: (job) => renderText(job.summary.teachers?.join(" + ")) },
  datasets: { title: "Data sets", width: 130, isNumber: false, sort: null, render: (job) => renderText(job.summary.datasets?.join(", ")) },
  methods: { title: "Methods", width: 150, isNumber: false, sort: null, render: (job) => renderText(readMethods(job).join(", ")) },
  labels: { title: "Labels", width: 220, isNumber: false, sort: null, render: renderLabels },
  step: { title: "Step", width: 110, isNumber: true, sort: null, render: (job) => job.step?.toLocaleString("en") ?? "–" },
  attempt: { title: "Attempt", width: 90, isNumber: true, sort: null, render: (job) => job.attempt || "–" },
  priority: { title: "Priority", width: 90, isNumber: true, sort: null, render: (job) => job.priority },
  id: { title: "Id", width: 280, isNumber: false, sort: null, render: (job) => <code>{job.id}</code> },
};

/** The columns that every job has, in the order in which they are offered. */
export const PLAIN_COLUMNS: readonly string[] = Object.keys(PLAIN);

/** Return the column that a name of the address means, or nothing. */
export function findColumn(id: string): Column | null {
  const plain = PLAIN[id];
  if (plain) return { id, ...plain };
  const [kind, key] = splitId(id);
  if (!key) return null;
  const measure = { id, title: nameMeasure(key), width: Math.min(220, 120 + 4 * Math.max(0, nameMeasure(key).length - 10)), isNumber: true };
  switch (kind) {
    case "figure":
      return { ...measure, sort: `metric:${key}`, render: (job) => <b>{showMeasure(key, job.figures?.[key])}</b> };
    case "metric":
      return { ...measure, title: `${nameMeasure(key)}, last`, sort: `metric:${key}`, render: (job) => showMeasure(key, job.metrics[key]) };
    case "label":
      return { id, title: key, width: 140, isNumber: false, sort: null, render: (job) => renderText(job.labels[key]) };
    case "spark":
      return { id, title: nameMeasure(key), width: 150, isNumber: false, sort: `metric:${key}`, render: (_, spark) => <Sparkline values={spark} name={key} /> };
    default:
      return null;
  }
}

/** The metric whose curve is drawn in the rows; one at most, since each takes a question of its own. */
export function findSpark(columns: readonly string[]): string {
  return splitId(columns.find((id) => id.startsWith("spark:")) ?? "")[1];
}

function splitId(id: string): [string, string] {
  const at = id.indexOf(":");
  return at < 0 ? [id, ""] : [id.slice(0, at), id.slice(at + 1)];
}

function renderState(job: Job): ReactNode {
  return (
    <>
      <StatePill state={job.state} />
      {job.status_reason && <span className="reason">{formatWord(job.status_reason)}</span>}
    </>
  );
}

function renderProgress(job: Job): ReactNode {
  return (
    <>
      {!isFinal(job.state) && <ProgressBar job={job} />}
      <span className="progress-words">{describeProgress(job)}</span>
    </>
  );
}

function renderAge(time: string | null): ReactNode {
  return time ? <Age time={time} /> : "–";
}

function renderText(text: string | undefined): ReactNode {
  return text ? (
    <bdi className="cut" title={text}>
      {text}
    </bdi>
  ) : (
    "–"
  );
}

function renderLabels(job: Job): ReactNode {
  const labels = Object.entries(job.labels);
  if (labels.length === 0) return "–";
  return (
    <span className="labels" title={labels.map(([key, value]) => `${key}: ${value}`).join("\n")}>
      {labels.map(([key, value]) => (
        <span className="label" key={key}>
          {key}: <bdi>{value}</bdi>
        </span>
      ))}
    </span>
  );
}

function readMethods(job: Job): readonly string[] {
  return (job.summary as { methods?: string[] }).methods ?? [];
}
