/** The jobs of a comparison: take one out, add one, choose which one the others are held against. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { findJobsQuery } from "../api/queries";
import type { Job } from "../api/types";
import { Link } from "../router";
import { Menu } from "../ui/Menu";
import { StatePill } from "../ui/StatePill";
import { MOST_JOBS } from "./compareView";
import { useHover } from "./hover";
import { Swatch } from "./Swatch";

interface Props {
  jobs: readonly Job[];
  missing: readonly string[];
  baseline: string | null;
  onIds: (ids: readonly string[]) => void;
  onBaseline: (id: string) => void;
  ids: readonly string[];
}

export function ComparedJobs({ jobs, missing, baseline, onIds, onBaseline, ids }: Props) {
  const { over, hovered } = useHover();
  const without = (id: string) => onIds(ids.filter((each) => each !== id));
  return (
    <ul className="compared" aria-label="Jobs compared">
      {jobs.map((job, index) => (
        <li key={job.id} {...over(job.id)} data-hovered={hovered === job.id || undefined} data-testid="compared-job">
          <Swatch index={index} />
          <Link className="cut" href={`/jobs/${job.id}`} title={job.name}>
            <bdi>{job.name}</bdi>
          </Link>
          <StatePill state={job.state} />
          <button type="button" className="text-button" aria-pressed={job.id === baseline} onClick={() => onBaseline(job.id)}>
            {job.id === baseline ? "baseline" : "make baseline"}
          </button>
          <button type="button" className="icon-button" aria-label={`Take ${job.name} out`} onClick={() => without(job.id)}>
            ×
          </button>
        </li>
      ))}
      {missing.map((id) => (
        <li key={id} className="missing">
          <code className="cut">{id}</code> is gone
          <button type="button" className="icon-button" aria-label={`Take ${id} out`} onClick={() => without(id)}>
            ×
          </button>
        </li>
      ))}
    </ul>
  );
}

export function AddJob({ ids, onIds }: Pick<Props, "ids" | "onIds">) {
  return (
    <Menu label="Add a job" title="Add a job">
      {() => (ids.length < MOST_JOBS ? <Search ids={ids} onIds={onIds} /> : <p>{MOST_JOBS} jobs at most can be compared: take one out first.</p>)}
    </Menu>
  );
}

function Search({ ids, onIds }: Pick<Props, "ids" | "onIds">) {
  const [text, setText] = useState("");
  const found = useQuery(findJobsQuery(text));
  const others = (found.data ?? []).filter(({ id }) => !ids.includes(id));
  return (
    <>
      <label className="menu-field">
        <span>name</span>
        <input type="search" value={text} maxLength={255} onChange={(event) => setText(event.target.value)} />
      </label>
      <ul className="found-jobs">
        {others.map((job) => (
          <li key={job.id}>
            <button type="button" className="found-job" onClick={() => onIds([...ids, job.id])}>
              <bdi className="cut">{job.name}</bdi>
              <StatePill state={job.state} />
            </button>
          </li>
        ))}
      </ul>
      {found.data && others.length === 0 && <p className="muted">No further job has such a name.</p>}
    </>
  );
}
