/** One thing that a sweep varies: its place in the spec, and the values or the range of numbers that may stand there. */

import { Segments } from "../ui/Segments";
import type { AxisDraft } from "./sweepDraft";

interface Props {
  axis: AxisDraft;
  title: string;
  /** Id of the list of places. */
  places: string;
  /** What stands there now, in words. */
  now: string;
  isGrid: boolean;
  /** Null takes it away. */
  onAxis: (axis: AxisDraft | null) => void;
}

export function AxisRow({ axis, title, places, now, isGrid, onAxis }: Props) {
  const change = (changes: Partial<AxisDraft>) => onAxis({ ...axis, ...changes });
  return (
    <div className="sweep-line" role="group" aria-label={title}>
      <label className="sweep-field sweep-pointer">
        <span>
          place {now && <bdi className="muted small">{now}</bdi>}
        </span>
        <input list={places} placeholder="/stages/0/optimizer/lr" autoComplete="off" spellCheck={false} value={axis.pointer} onChange={(event) => change({ pointer: event.target.value.trim() })} />
      </label>
      <Segments
        label="What may stand there"
        options={[
          ["values", "Values"],
          ["range", "Range"],
        ]}
        chosen={axis.kind}
        onChoose={(kind) => change({ kind })}
      />
      {axis.kind === "values" ? (
        <TextField label="values" isWide value={axis.values} placeholder="0.01, 0.03, 0.1" onValue={(values) => change({ values })} />
      ) : (
        <>
          <TextField label="from" value={axis.low} placeholder="0.001" onValue={(low) => change({ low })} />
          <TextField label="to" value={axis.high} placeholder="0.3" onValue={(high) => change({ high })} />
          {isGrid && <TextField label="points" value={axis.points} placeholder="3" onValue={(points) => change({ points })} />}
          <Tick label="equal ratios" isOn={axis.isLog} onTurn={(isLog) => change({ isLog })} />
          <Tick label="whole numbers" isOn={axis.isInteger} onTurn={(isInteger) => change({ isInteger })} />
        </>
      )}
      <button type="button" className="icon-button" aria-label={`Take ${title} away`} onClick={() => onAxis(null)}>
        ×
      </button>
    </div>
  );
}

interface TextProps {
  label: string;
  value: string;
  placeholder: string;
  isWide?: boolean;
  onValue: (value: string) => void;
}

function TextField({ label, value, placeholder, isWide = false, onValue }: TextProps) {
  return (
    <label className={`sweep-field ${isWide ? "sweep-values" : "sweep-number"}`}>
      <span>{label}</span>
      <input autoComplete="off" spellCheck={false} value={value} placeholder={placeholder} onChange={(event) => onValue(event.target.value)} />
    </label>
  );
}

function Tick({ label, isOn, onTurn }: { label: string; isOn: boolean; onTurn: (isOn: boolean) => void }) {
  return (
    <label className="tick">
      <input type="checkbox" checked={isOn} onChange={(event) => onTurn(event.target.checked)} />
      {label}
    </label>
  );
}
