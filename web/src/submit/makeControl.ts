/** The control of a job: the same student, data, budget and seed, without a teacher. */

import { isRecord } from "../components/schema";

type Data = Record<string, unknown>;

export const CONTROL_LABEL = "control_of";

/** Stage fields that need a teacher, or that only make sense beside other stages. */
const TAUGHT = ["teachers", "objective", "sections", "until", "group", "take_over", "cache", "frozen", "trainable"];

/** Return the spec of the control, made of a resolved spec; null where no stage with a teacher trains a student. */
export function makeControl(resolved: Data, name: string): Data | null {
  const stages = (Array.isArray(resolved["stages"]) ? resolved["stages"] : []).filter(isRecord);
  const last = stages.findLast(({ teachers }) => Array.isArray(teachers) && teachers.length > 0);
  const models = resolved["models"];
  const student = String(last?.["student"]);
  if (!last || !isRecord(models) || !models[student]) return null;
  const { recipe: _, ...rest } = resolved;
  const epochs = stages.filter((stage) => stage["student"] === student).reduce((sum, stage) => sum + Number(stage["epochs"] ?? 0), 0);
  const stage = Object.fromEntries(Object.entries(last).filter(([key, value]) => !TAUGHT.includes(key) && value !== null));
  return {
    ...rest,
    name,
    models: { [student]: models[student] },
    stages: [{ ...stage, name: "train", epochs, objective: { ce: { method: "ce" } } }],
    evaluation: withoutAgreement(resolved["evaluation"]),
  };
}

/** Agreement is measured with a teacher. */
function withoutAgreement(evaluation: unknown): unknown {
  if (!isRecord(evaluation) || !Array.isArray(evaluation["metrics"])) return evaluation;
  const { teacher: _, ...rest } = evaluation;
  return { ...rest, metrics: evaluation["metrics"].filter((metric) => metric !== "agreement") };
}
