/** Asks the server what is wrong with a text, a moment after the typing stops. */

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { ApiError } from "../api/client";
import { validateSpec } from "../api/queries";
import type { SpecProblem, Validation } from "../api/types";

const TYPING_PAUSE_MS = 300;

export interface Check {
  /** unknown: the server could not be asked. */
  verdict: "checking" | "valid" | "invalid" | "unknown";
  problems: SpecProblem[];
}

export function useValidation(text: string): Check {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const check = useQuery({
    queryKey: ["validation", settled],
    queryFn: () => askValidation(settled),
    staleTime: Infinity,
    gcTime: 0,
    placeholderData: keepPreviousData,
  });
  const problems = check.data?.problems ?? [];
  if (check.isError) return { verdict: "unknown", problems };
  if (settled !== text || check.isFetching || !check.data) return { verdict: "checking", problems };
  return { verdict: check.data.valid ? "valid" : "invalid", problems };
}

/** A text that is no document at all is refused with a problem instead of an answer: to a person that is the same. */
async function askValidation(text: string): Promise<Validation> {
  try {
    return await validateSpec(text);
  } catch (error) {
    if (!(error instanceof ApiError) || !error.problem.errors?.length) throw error;
    return { object: "validation", valid: false, problems: error.problem.errors, resolved_spec: null };
  }
}
