/** What this job's resolved spec has other than another's: only the keys that differ. */

import { useQuery } from "@tanstack/react-query";

import type { JobDetail } from "../api/types";
import { diffSpecs, type DiffLine } from "../compare/diffSpecs";
import { comparisonQuery, type Comparison } from "../compare/queries";
import { Link, useParam } from "../router";
import { Empty, Failure, Loading } from "../ui/Notice";
import { TableFrame } from "../ui/TableFrame";
import { JobChoice } from "./JobChoice";

const MOST_LETTERS = 400;

export function SpecDiff({ job }: { job: JobDetail }) {
  const [otherId, setOtherId] = useParam<string>("against", job.parent_id ?? "");
  const found = useQuery({ ...comparisonQuery([otherId, job.id], "", false), enabled: otherId !== "" });
  return (
    <section className="card" aria-label="Difference to another job">
      <div className="card-head">
        <h2>Difference to another job</h2>
        <JobChoice without={job.id} onChoose={setOtherId} />
        {otherId !== "" && (
          <button type="button" className="button" onClick={() => setOtherId("")}>
            None
          </button>
        )}
      </div>
      {otherId === "" && <Empty>Choose a job by its name to see which keys differ.</Empty>}
      {found.isLoading && <Loading what="the other job" />}
      {found.isError && <Failure error={found.error} onRetry={() => void found.refetch()} />}
      {otherId !== "" && found.data && <Differences job={job} otherId={otherId} comparison={found.data} />}
    </section>
  );
}

interface DifferencesProps {
  job: JobDetail;
  otherId: string;
  comparison: Comparison;
}

function Differences({ job, otherId, comparison }: DifferencesProps) {
  const other = comparison.data.find(({ id }) => id === otherId);
  if (!other) return <Empty>That job is gone: choose another one.</Empty>;
  const found = diffSpecs(comparison.differs, other.id, job.id);
  return (
    <>
      <p>
        From{" "}
        <Link href={`/jobs/${other.id}`}>
          <bdi>{shorten(other.name)}</bdi>
        </Link>{" "}
        to this job: {found.length === 0 ? "nothing differs." : `${found.length} ${found.length === 1 ? "key differs" : "keys differ"}.`}
      </p>
      {found.length > 0 && (
        <TableFrame label="Where the specs differ" isPlain>
          <table className="job-table diff">
            <thead>
              <tr>
                <th scope="col">key</th>
                <th scope="col">the other job</th>
                <th scope="col">this job</th>
              </tr>
            </thead>
            <tbody>
              {found.map((each) => (
                <Row key={each.pointer} {...each} />
              ))}
            </tbody>
          </table>
        </TableFrame>
      )}
    </>
  );
}

function Row({ pointer, before, after }: DiffLine) {
  const kind = before === null ? "added" : after === null ? "removed" : "changed";
  return (
    <tr className={`diff-${kind}`}>
      <th scope="row">
        <code>{pointer || "/"}</code>
      </th>
      <td>{before === null ? <span className="muted">not there</span> : <code className="diff-before">{shorten(before)}</code>}</td>
      <td>{after === null ? <span className="muted">not there</span> : <code className="diff-after">{shorten(after)}</code>}</td>
    </tr>
  );
}

function shorten(text: string): string {
  return text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS)}…` : text;
}
