/** What this job's resolved spec has other than another's: only the keys that differ. */

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import type { JobDetail } from "../api/types";
import { Link, useParam } from "../router";
import { Empty, Failure, Loading } from "../ui/Notice";
import { diffSpecs, type Difference } from "./diffSpecs";
import { JobChoice } from "./JobChoice";
import { otherJobQuery } from "./jobQueries";

const MOST_LETTERS = 400;

export function SpecDiff({ job }: { job: JobDetail }) {
  const [otherId, setOtherId] = useParam<string>("against", job.parent_id ?? "");
  const other = useQuery({ ...otherJobQuery(otherId), enabled: otherId !== "" });
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
      {other.isLoading && <Loading what="the other job" />}
      {other.isError && <Failure error={other.error} onRetry={() => void other.refetch()} />}
      {other.data && <Differences job={job} other={other.data} />}
    </section>
  );
}

function Differences({ job, other }: { job: JobDetail; other: JobDetail }) {
  const found = useMemo(() => diffSpecs(other.resolved_spec, job.resolved_spec), [other, job]);
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
        <div className="plain-frame">
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
        </div>
      )}
    </>
  );
}

function Row({ pointer, kind, before, after }: Difference) {
  return (
    <tr className={`diff-${kind}`}>
      <th scope="row">
        <code>{pointer || "/"}</code>
      </th>
      <td>{kind === "added" ? <span className="muted">not there</span> : <code className="diff-before">{show(before)}</code>}</td>
      <td>{kind === "removed" ? <span className="muted">not there</span> : <code className="diff-after">{show(after)}</code>}</td>
    </tr>
  );
}

function show(value: unknown): string {
  return shorten(JSON.stringify(value));
}

function shorten(text: string): string {
  return text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS)}…` : text;
}
