/** The sweep being written: kept in this tab, as the spec is; whether there is one, the address says. */

import { useEffect, useState } from "react";

import { useParam } from "../router";
import { NEW_SWEEP, type SweepDraft } from "./sweepDraft";

const STORED = "stillhouse.sweep-draft";

export function useSweepDraft() {
  const [on, setOn] = useParam<string>("sweep", "");
  const [draft, setDraft] = useState<SweepDraft>(readStored);
  useEffect(() => sessionStorage.setItem(STORED, JSON.stringify(draft)), [draft]);
  return { isOn: on === "on", turn: (isOn: boolean) => setOn(isOn ? "on" : ""), draft, setDraft };
}

function readStored(): SweepDraft {
  const stored = sessionStorage.getItem(STORED);
  return stored ? { ...NEW_SWEEP, ...(JSON.parse(stored) as Partial<SweepDraft>) } : NEW_SWEEP;
}
