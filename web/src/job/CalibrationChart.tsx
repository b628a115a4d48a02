/** How often student and teacher are right when they are so sure: on the diagonal they are as good as they say. */

import { formatPercent } from "../format";
import type { Answerer, Evaluation } from "./evaluation";

const SIDE = 240;
const EDGE = 34;

export function CalibrationChart({ evaluation: { student, teacher } }: { evaluation: Evaluation }) {
  const models = [{ role: "student", model: student }, ...(teacher ? [{ role: "teacher", model: teacher }] : [])];
  return (
    <section className="card" aria-label="Calibration">
      <div className="card-head">
        <h2>Calibration</h2>
        <span className="muted hint">accuracy at each confidence, 15 bins; larger marks stand for more samples</span>
      </div>
      <div className="calibration">
        <svg viewBox={`0 0 ${SIDE + EDGE + 10} ${SIDE + EDGE + 8}`} role="img" aria-label={models.map(describe).join("; ")}>
          <Frame />
          {models.toReversed().map(({ role, model }) => (
            <Marks key={role} role={role} model={model} />
          ))}
        </svg>
        <ul className="calibration-words">
          {models.map(({ role, model }) => (
            <li key={role}>
              <svg className="calibration-key" viewBox="0 0 26 10" aria-hidden="true">
                <line className={`line-${role}`} x1="0" x2="26" y1="5" y2="5" />
                {role === "student" ? <circle className="mark-student" cx="13" cy="5" r="4" /> : <rect className="mark-teacher" x="9.500" y="1.500" width="7" height="7" />}
              </svg>
              <span>
                {role} <bdi className="muted">{model.name === role ? "" : model.name}</bdi>
              </span>
              <strong title="expected calibration error">ECE {formatPercent(model.ece)}</strong>
              <span className="muted">accuracy {formatPercent(model.accuracy)}</span>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}

const TICKS = [0, 0.25, 0.5, 0.75, 1];
const across = (value: number) => EDGE + value * SIDE;
const up = (value: number) => 6 + (1 - value) * SIDE;

function Frame() {
  return (
    <>
      {TICKS.map((tick) => (
        <g key={tick}>
          <line className="grid-line" x1={across(0)} x2={across(1)} y1={up(tick)} y2={up(tick)} />
          <line className="grid-line" x1={across(tick)} x2={across(tick)} y1={up(0)} y2={up(1)} />
          <text className="axis-tick" x={EDGE - 5} y={up(tick) + 4} textAnchor="end">
            {tick * 100}
          </text>
          <text className="axis-tick" x={across(tick)} y={up(0) + 15} textAnchor="middle">
            {tick * 100}
          </text>
        </g>
      ))}
      <text className="axis-tick" x={across(0.5)} y={up(0) + 28} textAnchor="middle">
        confidence, %
      </text>
      <line className="diagonal" x1={across(0)} y1={up(0)} x2={across(1)} y2={up(1)} />
    </>
  );
}

function Marks({ role, model }: { role: string; model: Answerer }) {
  const most = Math.max(1, ...model.calibration.map(({ n }) => n));
  const bins = model.calibration.flatMap(({ n, confidence, accuracy }) =>
    n > 0 && confidence !== null && accuracy !== null ? [{ n, x: across(confidence), y: up(accuracy), confidence, accuracy }] : [],
  );
  return (
    <>
      <polyline className={`line-${role}`} points={bins.map(({ x, y }) => `${x},${y}`).join(" ")} />
      {bins.map(({ n, x, y, confidence, accuracy }) => {
        const size = 3 + 5 * Math.sqrt(n / most);
        const title = <title>{`${role}: ${n} samples, sure to ${formatPercent(confidence)}, right in ${formatPercent(accuracy)}`}</title>;
        return role === "student" ? (
          <circle key={x} className="mark-student" cx={x} cy={y} r={size}>
            {title}
          </circle>
        ) : (
          <rect key={x} className="mark-teacher" x={x - size} y={y - size} width={2 * size} height={2 * size}>
            {title}
          </rect>
        );
      })}
    </>
  );
}

function describe({ role, model }: { role: string; model: Answerer }): string {
  const bins = model.calibration.filter(({ n }) => n > 0).map(({ confidence, accuracy }) => `${formatPercent(confidence)} sure, ${formatPercent(accuracy)} right`);
  return `${role}: ECE ${formatPercent(model.ece)}; ${bins.join(", ")}`;
}
