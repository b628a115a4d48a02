/** Which leaderboard: by what, on which data, how long. */

import { useQuery } from "@tanstack/react-query";
import { useId, type FormEvent } from "react";

import { componentsQuery } from "../jobs/queries";
import type { BoardView } from "./queries";

const USUAL = ["test/accuracy", "test/nll", "test/ece", "test/agreement", "val/accuracy"];
const LENGTHS = ["10", "20", "50", "100", "200"];

interface Props extends BoardView {
  /** Figures that the jobs shown have. */
  figures: readonly string[];
  onMetric: (metric: string) => void;
  onDataset: (dataset: string) => void;
  onLimit: (limit: string) => void;
}

export function BoardChoice({ metric, dataset, limit, figures, onMetric, onDataset, onLimit }: Props) {
  const names = useQuery(componentsQuery()).data?.dataset ?? [];
  return (
    <>
      <MetricField metric={metric} offered={[...new Set([...USUAL, ...figures])]} onMetric={onMetric} />
      <ChoiceField label="on" value={dataset} values={["", ...names]} onValue={onDataset} show={(name) => name || "any data set"} />
      <ChoiceField label="the first" value={limit} values={LENGTHS} onValue={onLimit} />
    </>
  );
}

interface MetricProps {
  metric: string;
  offered: readonly string[];
  onMetric: (metric: string) => void;
}

/** Any figure or metric by its key; taken once it is left, or with Enter. */
function MetricField({ metric, offered, onMetric }: MetricProps) {
  const id = useId();
  const take = (text: string) => {
    if (text.trim()) onMetric(text.trim());
  };
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    take(String(new FormData(event.currentTarget).get("metric")));
  };
  return (
    <form className="choice" onSubmit={submit}>
      <label htmlFor={`${id}-metric`}>by</label>
      <input
        key={metric}
        id={`${id}-metric`}
        name="metric"
        className="board-metric"
        list={`${id}-offered`}
        defaultValue={metric}
        maxLength={128}
        spellCheck={false}
        onBlur={(event) => take(event.target.value)}
      />
      <datalist id={`${id}-offered`}>
        {offered.map((key) => (
          <option key={key} value={key} />
        ))}
      </datalist>
    </form>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  values: readonly string[];
  onValue: (value: string) => void;
  show?: (value: string) => string;
}

function ChoiceField({ label, value, values, onValue, show = String }: ChoiceProps) {
  return (
    <label className="choice">
      <span>{label}</span>
      <select value={value} onChange={(event) => onValue(event.target.value)}>
        {[...new Set([...values, value])].map((each) => (
          <option key={each} value={each}>
            {show(each)}
          </option>
        ))}
      </select>
    </label>
  );
}
