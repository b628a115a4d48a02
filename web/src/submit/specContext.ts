/** What all fields of the form share: the spec as data, its problems, and how to change one place of it. */

import { createContext, useContext } from "react";

import type { SpecProblem } from "../api/types";
import type { Step } from "../components/schema";
import type { Known } from "./specPlaces";
import { joinPointer } from "./specText";

export interface SpecForm {
  data: Record<string, unknown>;
  known: Known;
  problems: readonly SpecProblem[];
  /** undefined removes what is there, so that the default holds again. */
  change: (path: readonly Step[], value: unknown) => void;
  /** Replace the whole. */
  write: (data: Record<string, unknown>) => void;
}

export const SpecContext = createContext<SpecForm | null>(null);

export function useSpecForm(): SpecForm {
  const form = useContext(SpecContext);
  if (!form) throw new Error("a field stands outside of a form");
  return form;
}

/** The problems that belong at a field: at its place, or below it where nothing finer is shown. */
export function problemsAt({ problems }: SpecForm, path: readonly Step[], isExact = false): SpecProblem[] {
  const pointer = joinPointer(path);
  return problems.filter((problem) => problem.pointer === pointer || (!isExact && problem.pointer.startsWith(`${pointer}/`)));
}
