/** Asks what is wrong with a text: its shape at once, all else of the server a moment after the typing stops. */

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";

import { ApiError } from "../api/client";
import { validateSpec } from "../api/queries";
import type { SpecProblem, Validation } from "../api/types";
import type { Schema } from "../components/schema";
import { makeCheck, tellUnreadable } from "./checkLocally";
import { readSpec } from "./specText";

const TYPING_PAUSE_MS = 300;

export interface Check {
  /** unknown: the server could not be asked. */
  verdict: "checking" | "valid" | "invalid" | "unknown";
  problems: SpecProblem[];
  /** The text that the server has judged. */
  judged: string;
}

export function useValidation(text: string, schema: Schema | undefined): Check {
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
  const checkLocally = useMemo(() => (schema ? makeCheck(schema) : null), [schema]);
  const isOpen = settled !== text || check.isFetching || !check.data;
  const local = useMemo(() => (isOpen && checkLocally ? checkLocally(text) : []), [isOpen, checkLocally, text]);
  const told = check.data?.problems ?? [];
  if (check.isError && settled === text) return { verdict: "unknown", problems: local, judged: settled };
  if (isOpen) return { verdict: local.length > 0 ? "invalid" : "checking", problems: local.length > 0 ? local : told, judged: settled };
  return { verdict: check.data?.valid ? "valid" : "invalid", problems: told, judged: settled };
}

/** A text that is no document at all is a problem, too; most of these the server need not be asked about. */
async function askValidation(text: string): Promise<Validation> {
  const { error: unread } = readSpec(text);
  if (unread) return { object: "validation", valid: false, problems: [tellUnreadable(unread.message)], resolved_spec: null };
  try {
    return await validateSpec(text);
  } catch (error) {
    if (!(error instanceof ApiError) || !error.problem.errors?.length) throw error;
    return { object: "validation", valid: false, problems: error.problem.errors, resolved_spec: null };
  }
}
