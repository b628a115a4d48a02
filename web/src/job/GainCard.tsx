/** The gain over the same student without a teacher, with how sure it is; nothing where the server tells none. */

import { useQuery } from "@tanstack/react-query";

import type { JobDetail } from "../api/types";
import { formatPercent } from "../format";
import { Link } from "../router";
import { Failure } from "../ui/Notice";
import { gainQuery, type Gain } from "./jobQueries";

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
      <GainWords {...gain.data} />
    </section>
  );
}

function GainWords({ gain, low, high, basis, verdict, reason, controls, control_mean, value, peers }: Gain) {
  if (gain === null) return <p className="muted">{reason ?? "There is no control to compare with yet."}</p>;
  const range = low !== null && high !== null ? `95 % interval ${showPoints(low)} to ${showPoints(high)} points` : null;
  return (
    <>
      <p className={`headline-figure verdict-${verdict ?? "open"}`}>
        <strong>{showPoints(gain)}</strong> points {verdict === null ? "difference, of one run each" : ""}
      </p>
      {verdict !== null && <p className="gain-verdict">{TITLES[verdict]}</p>}
      {low !== null && high !== null && <Interval gain={gain} low={low} high={high} />}
      <p className="muted">
        {[range, basis && `over ${basis}`, reason].filter(Boolean).join(" · ")}
      </p>
      <p className="muted">
        {describeOwn(value, gain, control_mean, peers.length)} against {formatPercent(control_mean)} of{" "}
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
function describeOwn(value: number | null, gain: number, control: number | null, numPeers: number): string {
  if (numPeers === 0 || control === null) return formatPercent(value);
  return `${formatPercent(control + gain)}, the mean of ${numPeers + 1} seeds (this one ${formatPercent(value)}),`;
}

/** The interval as a line with the gain on it, and zero as a mark. */
function Interval({ gain, low, high }: { gain: number; low: number; high: number }) {
  const least = Math.min(low, 0);
  const span = Math.max(high, 0) - least || 1;
  const place = (value: number) => 4 + (92 * (value - least)) / span;
  return (
    <svg className="gain-interval" viewBox="0 0 100 16" preserveAspectRatio="none" aria-hidden="true">
      <line className="interval-zero" x1={place(0)} x2={place(0)} y1="0" y2="16" />
      <line className="interval-range" x1={place(low)} x2={place(high)} y1="8" y2="8" />
      <line className="interval-mean" x1={place(gain)} x2={place(gain)} y1="3" y2="13" />
    </svg>
  );
}

function showPoints(ratio: number): string {
  const points = (ratio * 100).toFixed(2);
  return ratio > 0 ? `+${points}` : points.replace("-", "−");
}
