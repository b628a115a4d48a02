/** From one recipe to another: what the new one needs comes from its example, what a person chose stays. */

import type { Catalog } from "../components/queries";
import { isRecord } from "../components/schema";

type Data = Record<string, unknown>;

/** Return the spec with another recipe; its models and streams keep their choices where the names are the same. */
export function applyRecipe(data: Data, name: string, catalog: Catalog): Data {
  const { stages: _, recipe: __, ...kept } = data;
  const example = catalog.recipes[name]?.example;
  if (!isRecord(example)) return { ...kept, recipe: { name, params: keepRoles(data) } };
  const recipe = example["recipe"];
  return {
    ...kept,
    models: carryOver(data["models"], example["models"]),
    data: addViews(carryOver(data["data"], example["data"]), example["data"]),
    recipe,
    ...(isRecord(example["evaluation"]) && { evaluation: example["evaluation"] }),
  };
}

/** The example's entries, each as it is written already where it is; so a teacher stays the teacher. */
function carryOver(old: unknown, example: unknown): Data {
  const known = isRecord(old) ? old : {};
  return Object.fromEntries(Object.entries(isRecord(example) ? example : {}).map(([key, entry]) => [key, known[key] ?? entry]));
}

/** The views that the recipe looks for stand behind those that a stream has. */
function addViews(streams: Data, example: unknown): Data {
  const wished = isRecord(example) ? example : {};
  return Object.fromEntries(
    Object.entries(streams).map(([name, stream]) => {
      const views = isRecord(wished[name]) ? wished[name]["views"] : undefined;
      if (!isRecord(stream) || !isRecord(views)) return [name, stream];
      const own = isRecord(stream["views"]) ? stream["views"] : {};
      return [name, { ...stream, views: { ...own, ...views, ...own } }];
    }),
  );
}

/** Which streams are trained on and validated on, where the old recipe said so. */
function keepRoles(data: Data): Data {
  const params = isRecord(data["recipe"]) && isRecord(data["recipe"]["params"]) ? data["recipe"]["params"] : {};
  const roles = ["student", "teacher", "train", "validate_on", "epochs", "batch_size", "optimizer", "schedule"];
  return Object.fromEntries(Object.entries(params).filter(([key]) => roles.includes(key)));
}
