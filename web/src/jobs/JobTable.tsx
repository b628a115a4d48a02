/** The table of jobs: only the rows in sight are drawn, and more jobs are asked for before its end is reached. */

import { useEffect, useMemo, useRef } from "react";

import type { Job } from "../api/types";
import { TableFrame } from "../ui/TableFrame";
import type { Column } from "./columns";
import { JobRow } from "./JobRow";
import { SortTitle } from "./SortTitle";
import { useRowKeys, type RowActs } from "./useRowKeys";
import { useRows } from "./useRows";

const CHOOSE_WIDTH = 44;
const NAME_WIDTH = 280;
const BEFORE_END = 30;

interface TableProps extends RowActs {
  jobs: readonly Job[];
  columns: readonly Column[];
  sparks: Readonly<Record<string, readonly number[]>>;
  sort: string;
  isOld: boolean;
  hasMore: boolean;
  onSort: (key: string) => void;
  /** The rows in sight. */
  onSeen: (first: number, last: number) => void;
  onEnd: () => void;
}

export function JobTable(props: TableProps) {
  const { jobs, columns, sparks, sort, selection, isOld, hasMore } = props;
  const frame = useRef<HTMLDivElement>(null);
  const rows = useRows(jobs.length, frame);
  const shown = rows.getVirtualItems();
  const first = shown[0]?.index ?? 0;
  const last = shown.at(-1)?.index ?? 0;
  useSight(props, first, last);
  const onKeyDown = useRowKeys(jobs, rows, frame, props);
  const width = CHOOSE_WIDTH + NAME_WIDTH + columns.reduce((sum, column) => sum + column.width, 0);
  const before = shown[0]?.start ?? 0;
  const after = rows.getTotalSize() - (shown.at(-1)?.end ?? 0);
  const numChosen = useMemo(() => jobs.filter(({ id }) => selection.ids.has(id)).length, [jobs, selection]);
  return (
    <TableFrame label="Jobs" kind="runs-frame" isOld={isOld} ref={frame} testId="job-frame">
      <table className="runs" aria-rowcount={hasMore ? -1 : jobs.length + 1} style={{ minWidth: width }} onKeyDown={onKeyDown}>
        <caption className="visually-hidden">
          Jobs. Arrow keys go from row to row, the space bar chooses, with Shift a range, Enter opens.
        </caption>
        <colgroup>
          <col style={{ width: CHOOSE_WIDTH }} />
          <col />
          {columns.map(({ id, width: each }) => (
            <col key={id} style={{ width: each }} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col" className="choose-cell">
              <ChooseAll numChosen={numChosen} numJobs={jobs.length} onChooseAll={props.onChooseAll} />
            </th>
            <SortTitle title="Job" className="name-cell" sortKey="name" sort={sort} isNumber={false} onSort={props.onSort} />
            {columns.map(({ id, title, sort: key, isNumber }) => (
              <SortTitle key={id} title={title} sortKey={key} sort={sort} isNumber={isNumber} onSort={props.onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          <Gap height={before} />
          {shown.map(({ index }) => {
            const job = jobs[index];
            return (
              job && (
                <JobRow
                  key={job.id}
                  job={job}
                  index={index}
                  columns={columns}
                  isChosen={selection.ids.has(job.id)}
                  spark={sparks[job.id]}
                  onChoose={props.onChoose}
                />
              )
            );
          })}
          <Gap height={after} />
        </tbody>
      </table>
      {hasMore && <p className="more-rows muted">Loading more jobs…</p>}
    </TableFrame>
  );
}

/** Tell which rows are seen, and when their end is near. */
function useSight({ jobs, hasMore, onSeen, onEnd }: TableProps, first: number, last: number): void {
  useEffect(() => onSeen(first, last), [onSeen, first, last]);
  const isNearEnd = hasMore && last >= jobs.length - BEFORE_END;
  useEffect(() => {
    if (isNearEnd) onEnd();
  }, [isNearEnd, jobs.length, onEnd]);
}

interface ChooseAllProps {
  numChosen: number;
  numJobs: number;
  onChooseAll: () => void;
}

function ChooseAll({ numChosen, numJobs, onChooseAll }: ChooseAllProps) {
  const isSome = numChosen > 0 && numChosen < numJobs;
  const box = (element: HTMLInputElement | null) => {
    if (element) element.indeterminate = isSome;
  };
  return (
    <label>
      <span className="visually-hidden">Choose all jobs loaded</span>
      <input type="checkbox" ref={box} checked={numJobs > 0 && numChosen === numJobs} onChange={onChooseAll} />
    </label>
  );
}

/** The room of rows that are not drawn. */
function Gap({ height }: { height: number }) {
  return height > 0 ? (
    <tr className="gap" aria-hidden="true">
      <td style={{ height }} />
    </tr>
  ) : null;
}
