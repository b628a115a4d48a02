/** A sweep over the spec at hand: what is varied, how it is searched, what trials are judged by, and what that comes to. */

import { useId, type ReactNode } from "react";

import { Segments } from "../ui/Segments";
import { AxisRow } from "./AxisRow";
import type { Known, Suggestion } from "./specPlaces";
import { listPlaces, NEW_AXIS, showNow, type AxisDraft, type SweepDraft } from "./sweepDraft";

const METRICS = ["val/accuracy", "val/nll", "val/loss", "test/accuracy", "test/nll", "train/loss"];
const NO_PLACES: Suggestion[] = [];

interface Props {
  spec: Record<string, unknown> | null;
  known: Known | null;
  draft: SweepDraft;
  onDraft: (draft: SweepDraft) => void;
  /** What it comes to. */
  children: ReactNode;
}

export function SweepCard({ spec, known, draft, onDraft, children }: Props) {
  const id = useId();
  const places = spec ? listPlaces(spec, known) : NO_PLACES;
  const change = (changes: Partial<SweepDraft>) => onDraft({ ...draft, ...changes });
  const setAxis = (index: number, axis: AxisDraft | null) =>
    change({ axes: axis ? draft.axes.map((each, at) => (at === index ? axis : each)) : draft.axes.filter((_, at) => at !== index) });
  return (
    <section className="card sweep-card" data-testid="sweep-card" aria-label="Sweep">
      <h2>Sweep</h2>
      <p className="muted">One job for each setting. An axis is a place of the spec and what may stand there.</p>
      <datalist id={`${id}-places`}>
        {places.map(({ name, detail }) => (
          <option key={name} value={name}>
            {detail}
          </option>
        ))}
      </datalist>
      <ol className="axis-list">
        {draft.axes.map((axis, index) => (
          <li key={index}>
            <AxisRow
              axis={axis}
              title={`Axis ${index + 1}`}
              places={`${id}-places`}
              now={showNow(spec, axis.pointer)}
              isGrid={draft.search === "grid"}
              onAxis={(changed) => setAxis(index, changed)}
            />
          </li>
        ))}
      </ol>
      <button type="button" className="button" onClick={() => change({ axes: [...draft.axes, NEW_AXIS] })}>
        Add an axis
      </button>
      <SearchFields draft={draft} change={change} />
      <GoalFields id={id} draft={draft} change={change} />
      {children}
    </section>
  );
}

interface FieldsProps {
  draft: SweepDraft;
  change: (changes: Partial<SweepDraft>) => void;
}

function SearchFields({ draft, change }: FieldsProps) {
  return (
    <div className="sweep-line">
      <Segments
        label="Search"
        options={[
          ["grid", "Every combination"],
          ["random", "By chance"],
        ]}
        chosen={draft.search}
        onChoose={(search) => change({ search })}
      />
      {draft.search === "random" && (
        <>
          <NumberField label="trials" value={draft.trials} onValue={(trials) => change({ trials })} />
          <NumberField label="seed" value={draft.seed} onValue={(seed) => change({ seed })} />
        </>
      )}
    </div>
  );
}

function GoalFields({ id, draft, change }: FieldsProps & { id: string }) {
  return (
    <div className="sweep-line">
      <label className="sweep-field">
        <span>judged by</span>
        <input list={`${id}-metrics`} maxLength={128} spellCheck={false} value={draft.metric} onChange={(event) => change({ metric: event.target.value })} />
      </label>
      <datalist id={`${id}-metrics`}>
        {METRICS.map((metric) => (
          <option key={metric} value={metric} />
        ))}
      </datalist>
      <label className="sweep-field">
        <span>better is</span>
        <select value={draft.direction} onChange={(event) => change({ direction: event.target.value as SweepDraft["direction"] })}>
          <option value="">as its name tells</option>
          <option value="maximize">more</option>
          <option value="minimize">less</option>
        </select>
      </label>
      <label className="tick" title="Successive halving: trials are judged on their way against all that have come so far">
        <input type="checkbox" checked={draft.isHalving} onChange={(event) => change({ isHalving: event.target.checked })} />
        Stop trials that lag
      </label>
      {draft.isHalving && (
        <>
          <NumberField label="one goes on in" value={draft.factor} onValue={(factor) => change({ factor })} />
          <NumberField label="rungs" value={draft.rungs} onValue={(rungs) => change({ rungs })} />
        </>
      )}
    </div>
  );
}

function NumberField({ label, value, onValue }: { label: string; value: string; onValue: (value: string) => void }) {
  return (
    <label className="sweep-field sweep-number">
      <span>{label}</span>
      <input inputMode="numeric" autoComplete="off" value={value} onChange={(event) => onValue(event.target.value)} />
    </label>
  );
}
