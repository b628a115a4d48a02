/** One job in the table; the whole row leads to it, its box chooses it. */

import { memo, type MouseEvent } from "react";

import type { Job } from "../api/types";
import { Link, navigate } from "../router";
import { ModelPair } from "../ui/ModelPair";
import type { Column } from "./columns";

interface Props {
  job: Job;
  index: number;
  columns: readonly Column[];
  isChosen: boolean;
  spark: readonly number[] | undefined;
  onChoose: (id: string, isRange: boolean) => void;
}

export const JobRow = memo(function JobRow({ job, index, columns, isChosen, spark, onChoose }: Props) {
  const choose = (event: MouseEvent<HTMLInputElement>) => onChoose(job.id, event.shiftKey);
  const open = (event: MouseEvent<HTMLTableRowElement>) => {
    const isOther = (event.target as Element).closest("a, label, button") || getSelection()?.toString();
    if (!isOther) navigate(`/jobs/${job.id}`);
  };
  return (
    <tr data-testid="job-row" data-job={job.id} data-index={index} aria-rowindex={index + 2} data-chosen={isChosen || undefined} onClick={open}>
      <td className="choose-cell">
        <label>
          <span className="visually-hidden">Choose {job.name}</span>
          <input type="checkbox" checked={isChosen} onClick={choose} onChange={() => {}} />
        </label>
      </td>
      <td className="name-cell">
        <Link className="row-link" href={`/jobs/${job.id}`} title={job.name}>
          <bdi>{job.name}</bdi>
        </Link>
        <div className="job-models">
          <ModelPair summary={job.summary} />
        </div>
      </td>
      {columns.map((column) => (
        <td key={column.id} className={column.isNumber ? "number" : undefined}>
          {column.render(job, spark)}
        </td>
      ))}
    </tr>
  );
});
