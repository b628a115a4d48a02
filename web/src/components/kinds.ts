/** The kinds of components, and how they are searched. */

import type { Catalog } from "./queries";

export type Kind = keyof Catalog;
export type AnyEntry = Catalog[Kind][string];

export interface KindFacts {
  name: Kind;
  title: string;
  singular: string;
  about: string;
}

export const KINDS: readonly KindFacts[] = [
  {
    name: "methods",
    title: "Methods",
    singular: "method",
    about: "Terms of an objective: any of them go together in one stage. Cost is the time of a step with it, relative to knowledge distillation (kd).",
  },
  { name: "recipes", title: "Recipes", singular: "recipe", about: "Published methods whose stages are written out by their name, with the settings of their papers." },
  { name: "models", title: "Models", singular: "model", about: "Teachers and students. Feature points are places that methods tap by name, whatever the model." },
  { name: "datasets", title: "Data sets", singular: "data set", about: "What streams read from. Files lie below the workers’ data folder." },
];

/** The components of a kind that have every word of a text in name, summary, paper or advice, in order of their names. */
export function listComponents(catalog: Catalog, kind: Kind, text: string): [string, AnyEntry][] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return Object.entries<AnyEntry>(catalog[kind]).filter(([name, entry]) => {
    const told = [name, entry.summary, "paper" in entry ? entry.paper : "", "use" in entry ? entry.use : ""].join(" ").toLowerCase();
    return words.every((word) => told.includes(word));
  });
}

/** The arXiv address of a paper, where it names one. */
export function findPaperAddress(paper: string): string | null {
  const id = /arXiv (\d{4}\.\d{4,5})/.exec(paper)?.[1];
  return id ? `https://arxiv.org/abs/${id}` : null;
}

/** A cost relative to kd, in words: "1.30 ×". */
export function formatCost(cost: number | null): string {
  return cost === null ? "not measured" : `${cost.toFixed(2)} ×`;
}

/** The options of a recipe that not all recipes have. */
export function listOwnOptions(catalog: Catalog, recipe: string): string[] {
  const all = Object.values(catalog.recipes).map(({ params }) => new Set(Object.keys(properties(params))));
  return Object.keys(properties(catalog.recipes[recipe]?.params)).filter((name) => !all.every((names) => names.has(name)));
}

function properties(params: Record<string, unknown> | undefined): object {
  return (params?.["properties"] as object | undefined) ?? {};
}
