/** What a person may change about how curves are drawn. */

import { useEffect, useState } from "react";

import { SearchField } from "../ui/SearchField";
import { Segments } from "../ui/Segments";
import { SMOOTHINGS, type useChartView } from "./useChartView";

type Props = ReturnType<typeof useChartView> & {
  numShown: number;
  numAll: number;
  /** Whether a logarithmic scale is offered. */
  hasScale?: boolean;
};

const SMOOTHING_TITLES: Record<string, string> = { "0": "none", "0.6": "a little", "0.9": "much", "0.97": "very much" };

export function CurveControls({ view, zoom, setAxis, setScale, setSmooth, setBand, setFilter, numShown, numAll, hasScale = true }: Props) {
  return (
    <div className="curves-head">
      <SearchField label="Filter, e.g. val/" text={view.filter} onText={setFilter} />
      {numShown < numAll && (
        <span className="muted">
          {numShown} of {numAll}
        </span>
      )}
      <Segments label="Horizontal axis" options={["step", "time"]} chosen={view.x} onChoose={setAxis} />
      {hasScale && (
        <Segments label="Scale of losses" options={["linear", "log"]} chosen={view.isLog ? "log" : "linear"} onChoose={setScale} />
      )}
      <label className="choice">
        Smoothing
        <select value={String(view.smoothing)} onChange={(event) => setSmooth(event.target.value)}>
          {[...new Set([...SMOOTHINGS, String(view.smoothing)])].map((each) => (
            <option key={each} value={each}>
              {SMOOTHING_TITLES[each] ?? each}
            </option>
          ))}
        </select>
      </label>
      <label className="choice">
        <input type="checkbox" checked={view.hasBand} onChange={(event) => setBand(event.target.checked ? "on" : "off")} />
        least and greatest
      </label>
      {view.x === "step" && <StepRange from={view.from} to={view.to} onChange={zoom} />}
      {(view.from !== null || view.to !== null) && (
        <button type="button" className="button" onClick={() => zoom(null, null)}>
          Show all
        </button>
      )}
      <span className="muted hint">drag over a chart to see it closer, double-click to see all</span>
    </div>
  );
}

interface RangeProps {
  from: string | null;
  to: string | null;
  onChange: (from: string | null, to: string | null) => void;
}

/** The zoom for the keyboard: two steps, taken when the field is left or Enter is pressed. */
function StepRange({ from, to, onChange }: RangeProps) {
  const [low, setLow] = useState(from ?? "");
  const [high, setHigh] = useState(to ?? "");
  useEffect(() => {
    setLow(from ?? "");
    setHigh(to ?? "");
  }, [from, to]);
  const take = () => onChange(low || null, high || null);
  return (
    <form
      className="choice step-range"
      onSubmit={(event) => {
        event.preventDefault();
        take();
      }}
    >
      Steps
      <input aria-label="First step" inputMode="numeric" pattern="[0-9]*" value={low} onChange={(event) => setLow(event.target.value)} onBlur={take} />
      to
      <input aria-label="Last step" inputMode="numeric" pattern="[0-9]*" value={high} onChange={(event) => setHigh(event.target.value)} onBlur={take} />
      <button type="submit" className="visually-hidden">
        Show these steps
      </button>
    </form>
  );
}
