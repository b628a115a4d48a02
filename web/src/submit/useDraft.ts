/** The text being written: kept in this tab, and taken from another job where the address says so. */

import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { jobQuery } from "../api/queries";
import { formatJson } from "../job/formatJson";
import { useParam } from "../router";
import { EXAMPLE_SPEC } from "./exampleSpec";

const STORED = "stillhouse.draft";

export function useDraft() {
  const [from, setFrom] = useParam<string>("from", "");
  const [text, setText] = useState(() => sessionStorage.getItem(STORED) ?? EXAMPLE_SPEC);
  const template = useQuery({ ...jobQuery(from), enabled: from !== "" }).data;

  useEffect(() => {
    if (!template) return;
    setText(formatJson(template.spec));
    setFrom("");
  }, [template, setFrom]);

  useEffect(() => {
    if (text === EXAMPLE_SPEC) sessionStorage.removeItem(STORED);
    else sessionStorage.setItem(STORED, text);
  }, [text]);

  return { text, setText, reset: () => setText(EXAMPLE_SPEC) };
}
