/** Results and parameters side by side, one column a job; what is the same everywhere only when asked for. */

import { memo } from "react";

import type { Job } from "../api/types";
import { isJudged, nameMeasure, rankMeasure, showDelta, showMeasure } from "../measures";
import { TableFrame } from "../ui/TableFrame";
import { isNumber, showPlain } from "./axes";
import { useHover } from "./hover";
import type { Comparison, Measure } from "./queries";
import { Swatch } from "./Swatch";

const NAME_WIDTH = 240;
const JOB_WIDTH = 170;

interface Props {
  comparison: Comparison;
  showsAll: boolean;
  onShowAll: (all: boolean) => void;
}

export function ResultsTable({ comparison, showsAll, onShowAll }: Props) {
  const { data: jobs } = comparison;
  const { hovered, setHovered } = useHover();
  return (
    <section className="compare-part">
      <div className="part-head">
        <h2>Results and parameters</h2>
        <label className="switch">
          <input type="checkbox" checked={!showsAll} onChange={(event) => onShowAll(!event.target.checked)} /> only what differs
        </label>
      </div>
      <TableFrame label="Results and parameters" kind="side-frame">
        <table
          className="side"
          style={{ minWidth: NAME_WIDTH + jobs.length * JOB_WIDTH }}
          onMouseOver={(event) => setHovered(readJob(event.target))}
          onMouseLeave={() => setHovered(null)}
        >
          <colgroup>
            <col style={{ width: NAME_WIDTH }} />
            {jobs.map(({ id }) => (
              <col key={id} style={{ width: JOB_WIDTH }} className={hovered === id ? "hovered" : undefined} />
            ))}
          </colgroup>
          <thead>
            <tr>
              <th scope="col">
                <span className="visually-hidden">What is compared</span>
              </th>
              {jobs.map((job, index) => (
                <th scope="col" key={job.id} data-job={job.id} title={job.name}>
                  <Swatch index={index} />
                  <bdi className="cut">{job.name}</bdi>
                </th>
              ))}
            </tr>
          </thead>
          <Body comparison={comparison} showsAll={showsAll} />
        </table>
      </TableFrame>
    </section>
  );
}

function readJob(target: EventTarget): string | null {
  return target instanceof Element ? (target.closest<HTMLElement>("[data-job]")?.dataset.job ?? null) : null;
}

/** The rows; they do not change with the mouse. */
const Body = memo(function Body({ comparison, showsAll }: Omit<Props, "onShowAll">) {
  const { data: jobs, figures, metrics, differs, alike, baseline } = comparison;
  const known = new Set(figures.map(({ key }) => key));
  const all = [...figures, ...metrics.filter(({ key }) => !known.has(key))];
  const measures = all.filter((measure) => showsAll || measure.differs).sort((left, right) => rankMeasure(left.key) - rankMeasure(right.key));
  const params = differs.filter(({ pointer }) => pointer !== "/name");
  return (
    <>
      <tbody>
        <Heading title="Results" count={jobs.length} isEmpty={measures.length === 0} />
        {measures.map((measure) => (
          <MeasureRow key={measure.key} measure={measure} jobs={jobs} baseline={baseline} />
        ))}
      </tbody>
      <tbody>
        <Heading title="Parameters" count={jobs.length} isEmpty={params.length === 0 && !showsAll} />
        {params.map(({ pointer, values }) => (
          <ParamRow key={pointer} pointer={pointer} jobs={jobs} valueOf={(id) => values[id]} differs />
        ))}
        {showsAll && alike.map(({ pointer, value }) => <ParamRow key={pointer} pointer={pointer} jobs={jobs} valueOf={() => value} differs={false} />)}
      </tbody>
    </>
  );
});

function Heading({ title, count, isEmpty }: { title: string; count: number; isEmpty: boolean }) {
  return (
    <tr className="side-heading">
      <th scope="rowgroup" colSpan={count + 1}>
        {title}
        {isEmpty && <span className="muted">: nothing differs</span>}
      </th>
    </tr>
  );
}

function MeasureRow({ measure, jobs, baseline }: { measure: Measure; jobs: readonly Job[]; baseline: string | null }) {
  const { key, values, deltas } = measure;
  const best = isJudged(key) ? findBest(measure) : null;
  return (
    <tr data-key={key}>
      <th scope="row" title={key}>
        {nameMeasure(key)}
      </th>
      {jobs.map(({ id }) => (
        <td key={id} data-job={id} className={measure.differs && values[id] === best ? "best" : undefined}>
          {showMeasure(key, values[id])}
          {measure.differs && values[id] === best && <span className="visually-hidden"> best</span>}
          {id !== baseline && deltas[id] !== undefined && <span className="delta">{showDelta(key, deltas[id])}</span>}
        </td>
      ))}
    </tr>
  );
}

/** The best of the values, or nothing where none is a number. */
export function findBest({ values, better }: Pick<Measure, "values" | "better">): number | null {
  const numbers = Object.values(values).filter(isNumber);
  if (numbers.length === 0) return null;
  return better === "lower" ? Math.min(...numbers) : Math.max(...numbers);
}

interface ParamProps {
  pointer: string;
  jobs: readonly Job[];
  valueOf: (id: string) => unknown;
  differs: boolean;
}

function ParamRow({ pointer, jobs, valueOf, differs }: ParamProps) {
  return (
    <tr className={differs ? undefined : "alike"}>
      <th scope="row" title={pointer}>
        <code>{pointer}</code>
      </th>
      {jobs.map(({ id }) => {
        const text = showPlain(valueOf(id));
        return (
          <td key={id} data-job={id} title={text}>
            <bdi>{text}</bdi>
          </td>
        );
      })}
    </tr>
  );
}
