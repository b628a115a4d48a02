/** The gain over the same student without a teacher, with how sure it is. */

import { useQuery } from "@tanstack/react-query";

import type { JobDetail } from "../api/types";
import { gainQuery, type Gain } from "../gain/gainQuery";
import { findReach, Interval } from "../gain/Interval";
import { showDelta, showMeasure } from "../measures";
import { Link } from "../router";
import { Failure } from "../ui/Notice";

const METRIC = "test/accuracy";
const NAMED = 3;
const TITLES = { gain: "A gain over the control", loss: "A loss against the control", no_evidence: "No evidence of gain" } as const;

export function GainCard({ job }: { job: JobDetail }) {
  const gain = useQuery({ ...gainQuery(job.id, METRIC), enabled: job.state === "succeeded" && (job.summary.teachers ?? []).length > 0 });
  if (gain.isError) return <Failure error={gain.error} onRetry={() => void gain.refetch()} />;
  if (!gain.data) return null;
  return (
    <section className="card" aria-label="Gain over the control" data-testid="job-gain">
      <h2>Gain over the control</h2>
      <GainWords gain={gain.data} />
    </section>
  );
}

function GainWords({ gain }: { gain: Gain }) {
  const { gain: points, low, high, basis, verdict, reason, controls, control_mean: control } = gain;
  if (points === null) return <p className="muted">{reason || "There is no control to compare with yet."}</p>;
  const range = low !== null && high !== null ? `95 % interval ${showDelta(METRIC, low)} to ${showDelta(METRIC, high)}` : null;
  return (
    <>
      <p className={`headline-figure verdict-${verdict ?? "open"}`}>
        <strong>{showDelta(METRIC, points)}</strong> {verdict === null ? "of one run each" : ""}
      </p>
      {verdict !== null && <p className="gain-verdict">{TITLES[verdict]}</p>}
      {range && <Interval gain={gain} metric={METRIC} reach={findReach([gain])} />}
      <p className="muted">
        {[range, basis && `over ${basis}`, reason].filter(Boolean).join(" · ")}
      </p>
      <p className="muted">
        {describeOwn(gain)} against {showMeasure(METRIC, control)} of{" "}
        {controls.slice(0, NAMED).map(({ job_id, name }, index) => (
          <span key={job_id}>
            {index > 0 && ", "}
            <Link href={`/jobs/${job_id}`}>
              <bdi>{name}</bdi>
            </Link>
          </span>
        ))}
        {controls.length > NAMED && ` and ${controls.length - NAMED} more`}
      </p>
    </>
  );
}

/** A gain is that of all seeds: where there are several, their mean is what stands against the control. */
function describeOwn({ value, gain, control_mean: control, peers }: Gain): string {
  if (peers.length === 0 || control === null || gain === null) return showMeasure(METRIC, value);
  return `${showMeasure(METRIC, control + gain)}, the mean of ${peers.length + 1} seeds (this one ${showMeasure(METRIC, value)}),`;
}
