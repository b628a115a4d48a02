/** The trials of a sweep, one a row, in the order that the address says. */

import { showPlain } from "../compare/axes";
import { useHover } from "../compare/hover";
import { MOST_JOBS } from "../compare/compareView";
import { formatWord } from "../format";
import { SortTitle } from "../jobs/SortTitle";
import { turnSort } from "../jobs/jobsView";
import { nameMeasure, showMeasure } from "../measures";
import { Link, useParam } from "../router";
import { StatePill } from "../ui/StatePill";
import { TableFrame } from "../ui/TableFrame";
import type { SweepDetail, Trial } from "./queries";
import { describeStop, nameAxes, sortTrials } from "./trials";

export function TrialTable({ sweep }: { sweep: SweepDetail }) {
  const [sort, setSort] = useParam<string>("sort", "");
  const names = nameAxes(Object.keys(sweep.axes));
  const trials = sortTrials(sweep, sort);
  const title = (key: string, words: string, isNumber = false) => (
    <SortTitle key={key} title={words} sortKey={key} sort={sort} isNumber={isNumber} onSort={(asked) => setSort(turnSort(sort, asked))} />
  );
  return (
    <section className="compare-part">
      <div className="part-head">
        <h2>Trials</h2>
        <span className="spacer" />
        <CompareLink trials={trials} />
      </div>
      <TableFrame label="Trials" kind="trial-frame">
        <table className="plain-table trials">
          <thead>
            <tr>
              {title("number", "Trial", true)}
              {[...names].map(([pointer, name]) => title(`axis:${pointer}`, name, true))}
              {title("state", "State")}
              {sweep.metric && title("value", nameMeasure(sweep.metric), true)}
              <th scope="col" className="number">
                Progress
              </th>
              <th scope="col">Stopped</th>
            </tr>
          </thead>
          <tbody>
            {trials.map((trial) => (
              <TrialRow key={trial.job_id} trial={trial} pointers={[...names.keys()]} metric={sweep.metric} isBest={trial.job_id === sweep.best?.job_id} />
            ))}
          </tbody>
        </table>
      </TableFrame>
    </section>
  );
}

function CompareLink({ trials }: { trials: readonly Trial[] }) {
  const ids = trials.slice(0, MOST_JOBS).map(({ job_id: id }) => id);
  if (ids.length < 2) return null;
  return (
    <Link className="button" href={`/compare?ids=${ids.join(",")}`}>
      {ids.length < trials.length ? `Compare the first ${ids.length}` : "Compare"}
    </Link>
  );
}

interface RowProps {
  trial: Trial;
  pointers: readonly string[];
  metric: string | null;
  isBest: boolean;
}

function TrialRow({ trial, pointers, metric, isBest }: RowProps) {
  const { over, hovered } = useHover();
  const { job_id: id, number, values, state, value, progress, status_reason: reason } = trial;
  return (
    <tr {...over(id)} data-testid="trial" data-trial={number} data-hovered={hovered === id || undefined} className={isBest ? "is-best" : undefined}>
      <th scope="row" className="number">
        <Link href={`/jobs/${id}`} title={trial.name} aria-label={`Trial ${number}: ${trial.name}`}>
          {number}
        </Link>
      </th>
      {pointers.map((pointer) => (
        <td key={pointer} className="number" dir="auto">
          {showPlain(values[pointer])}
        </td>
      ))}
      <td>
        <StatePill state={state} />
      </td>
      {metric && (
        <td className="number">
          {isBest ? <strong>{showMeasure(metric, value)}</strong> : showMeasure(metric, value)}
          {isBest && <span className="good small"> best</span>}
        </td>
      )}
      <td className="number">{progress === null ? "–" : `${Math.floor(progress * 100)} %`}</td>
      <td className="wrap-cell muted">{describeStop(trial) || (reason ? formatWord(reason) : "")}</td>
    </tr>
  );
}
