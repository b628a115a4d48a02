/** Gain and loss of the student against its teacher, class by class. */

import { useMemo, useState } from "react";

import { formatPercent } from "../format";
import { listClassGains, type ClassGain, type Evaluation } from "./evaluation";

const FEW = 8;

export function ClassGains({ evaluation }: { evaluation: Evaluation }) {
  const gains = useMemo(() => listClassGains(evaluation), [evaluation]);
  const [isWhole, setWhole] = useState(false);
  const hasTeacher = evaluation.teacher !== null;
  const largest = Math.max(0.01, ...gains.map(({ value }) => Math.abs(value)));
  const isLong = gains.length > 2 * FEW + 1;
  const shown = isLong && !isWhole ? [...gains.slice(0, FEW), ...gains.slice(-FEW)] : gains;
  return (
    <section className="card" aria-label="Classes">
      <div className="card-head">
        <h2>{hasTeacher ? "Each class against the teacher" : "Accuracy of each class"}</h2>
        <span className="muted hint">{hasTeacher ? "points of accuracy, largest loss first" : "lowest first"}</span>
        <span className="spacer" />
        {isLong && (
          <button type="button" className="button" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
            {isWhole ? `Only the ends` : `All ${gains.length} classes`}
          </button>
        )}
      </div>
      <ol className={`class-gains ${hasTeacher ? "" : "class-gains-alone"}`}>
        {shown.map((gain, index) => (
          <Row key={gain.name} gain={gain} largest={hasTeacher ? largest : 1} hasTeacher={hasTeacher} isAfterGap={isLong && !isWhole && index === FEW} />
        ))}
      </ol>
    </section>
  );
}

interface RowProps {
  gain: ClassGain;
  largest: number;
  hasTeacher: boolean;
  isAfterGap: boolean;
}

function Row({ gain, largest, hasTeacher, isAfterGap }: RowProps) {
  const { name, count, student, teacher, value } = gain;
  const title = hasTeacher
    ? `${name}: student ${formatPercent(student)}, teacher ${formatPercent(teacher)}, ${count} samples`
    : `${name}: ${formatPercent(student)} of ${count} samples`;
  return (
    <li className={isAfterGap ? "after-gap" : undefined} title={title}>
      <bdi className="class-name">{name}</bdi>
      <span className="class-track" aria-hidden="true">
        <span className={value < 0 ? "class-bar class-loss" : "class-bar class-gain"} style={{ width: `${(Math.abs(value) / largest) * (hasTeacher ? 50 : 100)}%` }} />
      </span>
      <span className="class-value">{hasTeacher ? showPoints(value) : formatPercent(student)}</span>
      {hasTeacher && (
        <span className="class-more muted">
          {formatPercent(student)} <span className="visually-hidden">student,</span> / {formatPercent(teacher)} <span className="visually-hidden">teacher</span>
        </span>
      )}
    </li>
  );
}

function showPoints(ratio: number): string {
  const points = (Math.abs(ratio) * 100).toFixed(1);
  return ratio < 0 ? `−${points}` : ratio > 0 ? `+${points}` : "0";
}
