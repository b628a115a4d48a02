/** In how many samples student and teacher were right and wrong together. */

import { formatPercent } from "../format";
import type { Agreement } from "./evaluation";

const PARTS = [
  { key: "both_right", title: "both right" },
  { key: "only_student", title: "only the student right" },
  { key: "only_teacher", title: "only the teacher right" },
  { key: "both_wrong", title: "both wrong" },
] as const;

interface Props {
  agreement: Agreement;
  numSamples: number;
  stream: string;
}

export function AgreementBar({ agreement, numSamples, stream }: Props) {
  return (
    <section className="card" aria-label="Student and teacher">
      <div className="card-head">
        <h2>Student and teacher on {stream}</h2>
        <span className="muted">
          the same guess on <strong>{formatPercent(agreement.ratio)}</strong> of {numSamples.toLocaleString("en")} samples
        </span>
      </div>
      <div className="together" aria-hidden="true">
        {PARTS.map(({ key }) => agreement[key] > 0 && <div key={key} className={`part-${key}`} style={{ flexGrow: agreement[key] }} />)}
      </div>
      <ul className="together-words">
        {PARTS.map(({ key, title }) => (
          <li key={key}>
            <span className={`share-swatch part-${key}`} aria-hidden="true" />
            {title} <strong>{agreement[key].toLocaleString("en")}</strong>{" "}
            <span className="muted">{formatPercent(agreement[key] / Math.max(1, numSamples))}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
