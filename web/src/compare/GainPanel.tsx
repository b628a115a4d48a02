/** What each job gained over the same training without a teacher, and how sure one can be. */

import { useQueries } from "@tanstack/react-query";

import type { Job } from "../api/types";
import { gainQuery, type Gain } from "../gain/gainQuery";
import { findReach, Interval, VERDICTS } from "../gain/Interval";
import { nameMeasure, showDelta, showMeasure } from "../measures";
import { Link, useParam } from "../router";
import { TableFrame } from "../ui/TableFrame";
import { useHover } from "./hover";
import type { Measure } from "./queries";
import { Swatch } from "./Swatch";

export function GainPanel({ jobs, figures }: { jobs: readonly Job[]; figures: readonly Measure[] }) {
  const offered = figures.map(({ key }) => key).filter((key) => key.startsWith("test/"));
  const [metric, setMetric] = useParam<string>("gain", "test/accuracy");
  const gains = useQueries({ queries: jobs.map(({ id }) => gainQuery(id, metric)) });
  const reach = findReach(gains.map(({ data }) => data));
  return (
    <section className="compare-part">
      <div className="part-head">
        <h2>Gain over the control</h2>
        <label className="choice">
          <span className="visually-hidden">Figure</span>
          <select value={metric} onChange={(event) => setMetric(event.target.value)}>
            {[...new Set([metric, ...offered])].map((key) => (
              <option key={key} value={key}>
                {nameMeasure(key)}
              </option>
            ))}
          </select>
        </label>
        <span className="muted">a control trains the same student without a teacher; bars are 95 % intervals</span>
      </div>
      <TableFrame label="Gains" kind="side-frame">
        <table className="gains">
          <thead>
            <tr>
              <th scope="col">Job</th>
              <th scope="col" className="number">
                Value
              </th>
              <th scope="col" className="number">
                Controls
              </th>
              <th scope="col" className="number">
                Gain
              </th>
              <th scope="col">Interval</th>
              <th scope="col">Verdict</th>
            </tr>
          </thead>
          <tbody>
            {jobs.map((job, index) => (
              <GainRow key={job.id} job={job} index={index} metric={metric} gain={gains[index]?.data} error={gains[index]?.error ?? null} reach={reach} />
            ))}
          </tbody>
        </table>
      </TableFrame>
    </section>
  );
}

interface RowProps {
  job: Job;
  index: number;
  metric: string;
  gain: Gain | undefined;
  error: Error | null;
  reach: number;
}

function GainRow({ job, index, metric, gain, error, reach }: RowProps) {
  const { over, hovered } = useHover();
  return (
    <tr {...over(job.id)} data-hovered={hovered === job.id || undefined} data-testid="gain-row" data-job={job.id}>
      <th scope="row">
        <div>
          <Swatch index={index} />
          <Link className="cut" href={`/jobs/${job.id}`} title={job.name}>
            <bdi>{job.name}</bdi>
          </Link>
        </div>
      </th>
      <td className="number">{showMeasure(metric, gain?.value)}</td>
      <td className="number">{gain?.controls.length ? `${showMeasure(metric, gain.control_mean)} (${gain.controls.length})` : "–"}</td>
      <td className="number">{typeof gain?.gain === "number" ? showDelta(metric, gain.gain) : "–"}</td>
      <td>{gain && <Interval gain={gain} metric={metric} reach={reach} />}</td>
      <td className="verdict">
        {gain?.verdict && <strong className={`verdict-${gain.verdict}`}>{VERDICTS[gain.verdict]}</strong>}
        <span className="muted">{error ? error.message : gain?.reason}</span>
      </td>
    </tr>
  );
}
