/** What is taken for what: as a map where the classes are few enough, always as a table that can be read aloud. */

import { useCallback, useMemo } from "react";

import { useParam } from "../router";
import { Empty } from "../ui/Notice";
import { Segments } from "../ui/Segments";
import { TableFrame } from "../ui/TableFrame";
import { ConfusionMap } from "./ConfusionMap";
import { listConfused, nameClass, type Confusion, type Evaluation } from "./evaluation";

const MOST_ROWS = 50;
const KINDS = {
  taught: { title: "student against teacher", row: "teacher says", column: "student says" },
  student: { title: "student against label", row: "label", column: "student says" },
  teacher: { title: "teacher against label", row: "label", column: "teacher says" },
} as const;

type Kind = keyof typeof KINDS;

export function ConfusionView({ evaluation }: { evaluation: Evaluation }) {
  const known: Partial<Record<Kind, Confusion | undefined>> = {
    taught: evaluation.agreement?.confusion,
    student: evaluation.student.confusion,
    teacher: evaluation.teacher?.confusion,
  };
  const kinds = (Object.keys(KINDS) as Kind[]).filter((kind) => known[kind]);
  const [asked, setKind] = useParam<string>("confusion", kinds[0] ?? "student");
  const [form, setForm] = useParam<string>("as", "map");
  const kind = kinds.find((each) => each === asked) ?? "student";
  const confusion = known[kind] ?? evaluation.student.confusion;
  const nameOf = useCallback((number: number) => nameClass(evaluation, number), [evaluation]);
  const hasMap = "counts" in confusion;
  const isTable = form === "table" || !hasMap;
  return (
    <section className="card" aria-label="Confusion">
      <div className="card-head">
        <h2>Confusion</h2>
        <Segments label="Which confusion" options={kinds.map((each) => [each, KINDS[each].title])} chosen={kind} onChoose={setKind} />
        {hasMap && <Segments label="Form of the confusion" options={[["map", "map"], ["table", "table"]]} chosen={isTable ? "table" : "map"} onChoose={setForm} />}
      </div>
      {isTable ? (
        <ConfusedTable evaluation={evaluation} confusion={confusion} kind={kind} />
      ) : (
        hasMap && <ConfusionMap counts={confusion.counts} nameOf={nameOf} {...KINDS[kind]} />
      )}
    </section>
  );
}

function ConfusedTable({ evaluation, confusion, kind }: { evaluation: Evaluation; confusion: Confusion; kind: Kind }) {
  const cells = useMemo(() => listConfused(confusion), [confusion]);
  const { row, column } = KINDS[kind];
  const total = "cells" in confusion ? confusion.num_cells : cells.length;
  if (cells.length === 0) return <Empty>Nothing was taken for anything else.</Empty>;
  return (
    <>
      <TableFrame label="Classes taken for one another" isPlain>
        <table className="job-table">
          <thead>
            <tr>
              <th scope="col">{row}</th>
              <th scope="col">{column}</th>
              <th scope="col" className="number">
                samples
              </th>
            </tr>
          </thead>
          <tbody>
            {cells.slice(0, MOST_ROWS).map((cell) => (
              <tr key={`${cell.row} ${cell.column}`}>
                <td>
                  <bdi>{nameClass(evaluation, cell.row)}</bdi>
                </td>
                <td>
                  <bdi>{nameClass(evaluation, cell.column)}</bdi>
                </td>
                <td className="number">{cell.count}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableFrame>
      {total > MOST_ROWS && (
        <p className="muted">
          The {MOST_ROWS} largest of {total.toLocaleString("en")} pairs; all that were written are in evaluation.json.
        </p>
      )}
    </>
  );
}
