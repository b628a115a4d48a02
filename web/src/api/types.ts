/** The shapes that the dashboard reads, from the server's own description of its API (schema.d.ts is generated). */

import type { components } from "./schema";

type Schemas = components["schemas"];

export type JobState = Schemas["State"];
export type Verb = Schemas["Verb"];
export type StateFacts = Schemas["StateView"];

/** A measured number; what JSON cannot say as a number comes as a word. */
export type MetricValue = Schemas["PointView"]["value"];

export type Figures = Record<string, MetricValue>;

/** What lists show of a spec; the schema leaves it open. */
export interface JobSummary {
  student?: string;
  teachers?: string[];
  datasets?: string[];
}

interface Told {
  figures: Figures | null;
  summary: JobSummary;
}

export type Job = Omit<Schemas["JobView"], keyof Told> & Told;
export type JobDetail = Omit<Schemas["JobDetail"], keyof Told> & Told;
export type JobEvent = Schemas["EventView"];
export type MetricSummary = Schemas["MetricView"];
/** A bucket of a curve: its last value, and the extremes that the line would hide. */
export type MetricPoint = Schemas["PointView"];
export type MetricSeries = Schemas["SeriesView"];
export type Artifact = Schemas["ArtifactView"];
export type Session = Schemas["SessionView"];
export type SpecProblem = Schemas["ProblemEntry"];
export type Validation = Schemas["ValidationView"];
/** An RFC 9457 problem; of what is no answer of the server only the least is known. */
export type ProblemDocument = Pick<Schemas["ProblemView"], "title" | "status" | "code"> & Partial<Schemas["ProblemView"]>;

export interface Page<T> extends Omit<Schemas["Page_JobView_"], "data"> {
  data: T[];
}

/** What the dashboard's stream says: something of this job has changed, ask again. */
export interface Hint {
  job_id: string;
  kind: "event" | "metrics" | "log";
  cursor: number | string;
}
