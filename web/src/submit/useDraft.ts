/** The text being written: kept in this tab, and taken from another job where the address says so. */

import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { jobQuery } from "../api/queries";
import { useParam } from "../router";
import { EXAMPLE_SPEC } from "./exampleSpec";
import { writeSpec } from "./specText";

const STORED = "stillhouse.draft";

export function useDraft() {
  const [from, setFrom] = useParam<string>("from", "");
  const [text, setText] = useState(() => sessionStorage.getItem(STORED) ?? EXAMPLE_SPEC);
  const [origin, setOrigin] = useState("");
  const template = useQuery({ ...jobQuery(from), enabled: from !== "" });

  useEffect(() => {
    if (!template.data || from === "") return;
    setText(writeSpec(template.data.spec));
    setOrigin(template.data.name);
    setFrom("");
  }, [template.data, from, setFrom]);

  useEffect(() => {
    if (text === EXAMPLE_SPEC) sessionStorage.removeItem(STORED);
    else sessionStorage.setItem(STORED, text);
  }, [text]);

  const reset = () => {
    setOrigin("");
    setText(EXAMPLE_SPEC);
  };
  /** Name of the job that it was taken from, and why that failed. */
  return { text, setText, reset, origin, error: from === "" ? null : template.error };
}
