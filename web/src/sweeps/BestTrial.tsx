/** The best trial: its settings, its value, its student. */

import { showPlain } from "../compare/axes";
import { StudentDownload } from "../job/StudentDownload";
import { nameMeasure, showMeasure } from "../measures";
import { Link } from "../router";
import type { SweepDetail } from "./queries";
import { nameAxes } from "./trials";

export function BestTrial({ sweep }: { sweep: SweepDetail }) {
  const { best, metric, axes } = sweep;
  return (
    <section className="card best-trial" aria-label="The best" data-testid="best-trial">
      <h2>The best</h2>
      {best && metric ? (
        <>
          <p className="best-value">
            <strong>{showMeasure(metric, best.value)}</strong> <span className="muted">{nameMeasure(metric)}</span>
          </p>
          <p dir="auto">{[...nameAxes(Object.keys(axes))].map(([pointer, name]) => `${name} ${showPlain(best.values[pointer])}`).join(", ")}</p>
          <p className="best-acts">
            <StudentDownload job={{ id: best.job_id }} />
            <Link className="button" href={`/jobs/${best.job_id}`}>
              Trial {best.number}
            </Link>
          </p>
          <p className="muted small">Of those that have succeeded. What was chosen among many by a figure looks better by it than it is: judge it by data that chose nothing, and by several seeds.</p>
        </>
      ) : (
        <p className="muted">{metric ? `Told once a trial has succeeded with a value of ${metric}.` : "This sweep was submitted without a metric, so none is the best: compare its trials below."}</p>
      )}
    </section>
  );
}
