/** What the pages read of a spec with everything written out. */

import type { JobDetail } from "../api/types";

export interface SpecModel {
  model: string;
  params?: Record<string, unknown>;
  weights?: Record<string, unknown> | null;
}

export interface SpecStream {
  dataset: string;
  split?: string;
  num_samples?: number | null;
}

export interface SpecStage {
  name: string;
  student: string;
  teachers?: string[];
  train: string;
  epochs: number;
  objective?: Record<string, { method?: string; loss?: string; weight?: unknown }>;
}

export interface ResolvedSpec {
  models: Record<string, SpecModel>;
  data: Record<string, SpecStream>;
  stages: SpecStage[];
  runtime: { nodes?: number; devices?: number; seed?: number };
  evaluation: { stream?: string | null };
}

/** The resolved spec of a job; a part that is missing is empty. */
export function readSpec({ resolved_spec: spec }: Pick<JobDetail, "resolved_spec">): ResolvedSpec {
  return { models: {}, data: {}, stages: [], runtime: {}, evaluation: {}, ...spec } as ResolvedSpec;
}

export interface Role {
  /** student, teacher, or both where a model is taught first and teaches then. */
  role: string;
  name: string;
  model: SpecModel;
}

/** Return the models with their parts in it: the final student last. */
export function listRoles({ models, stages }: ResolvedSpec): Role[] {
  const result = stages.at(-1)?.student;
  const roles = Object.entries(models).map(([name, model]) => {
    const isStudent = stages.some(({ student }) => student === name);
    const isTeacher = stages.some(({ teachers }) => teachers?.includes(name));
    const role = name === result ? "student" : isStudent && isTeacher ? "taught, then teacher" : isTeacher ? "teacher" : isStudent ? "student" : "not used";
    return { role, name, model };
  });
  return roles.sort((a, b) => Number(a.name === result) - Number(b.name === result));
}

/** Where weights come from, in words: "artifact art_…", "file teacher.safetensors". */
export function describeWeights(weights: SpecModel["weights"]): string {
  if (!weights) return "initial weights drawn by seed";
  return Object.entries(weights)
    .filter(([, value]) => typeof value === "string")
    .map(([kind, value]) => `${kind} ${String(value)}`)
    .join(", ");
}
