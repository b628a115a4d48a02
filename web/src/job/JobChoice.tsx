/** Chooses another job by a part of its name. */

import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useId, useState, type KeyboardEvent } from "react";

import { findJobsQuery } from "../api/queries";
import { Icon } from "../ui/Icon";
import { StatePill } from "../ui/StatePill";

interface Props {
  without: string;
  onChoose: (id: string) => void;
}

export function JobChoice({ without, onChoose }: Props) {
  const [text, setText] = useState("");
  const [isOpen, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const list = useId();
  const asked = useDeferredValue(text);
  const found = useQuery({ ...findJobsQuery(asked), enabled: isOpen });
  const jobs = (found.data ?? []).filter(({ id }) => id !== without);
  const choose = (id: string | undefined) => {
    if (!id) return;
    setOpen(false);
    setText("");
    onChoose(id);
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      setOpen(true);
      setAt((before) => Math.min(jobs.length - 1, Math.max(0, before + step)));
    } else if (event.key === "Enter") {
      event.preventDefault();
      choose(jobs[at]?.id);
    } else if (event.key === "Escape") setOpen(false);
  };
  return (
    <div className="job-choice" onBlur={(event) => !event.currentTarget.contains(event.relatedTarget) && setOpen(false)}>
      <label className="search">
        <Icon name="search" />
        <span className="visually-hidden">Find a job by name</span>
        <input
          type="search"
          role="combobox"
          aria-expanded={isOpen}
          aria-controls={list}
          aria-activedescendant={isOpen && jobs[at] ? `${list}-${at}` : undefined}
          placeholder="Find a job by name"
          value={text}
          onFocus={() => setOpen(true)}
          onChange={(event) => {
            setText(event.target.value);
            setAt(0);
            setOpen(true);
          }}
          onKeyDown={press}
        />
      </label>
      {isOpen && (
        <ul className="job-choice-list" role="listbox" id={list} aria-label="Jobs">
          {jobs.map(({ id, name, state }, index) => (
            <li key={id} role="option" id={`${list}-${index}`} aria-selected={index === at} onMouseDown={(event) => event.preventDefault()} onClick={() => choose(id)}>
              <bdi className="clip">{name}</bdi>
              <StatePill state={state} />
            </li>
          ))}
          {found.data && jobs.length === 0 && <li className="muted">No other job has this in its name.</li>}
          {found.isError && <li className="bad">{found.error.message}</li>}
        </ul>
      )}
    </div>
  );
}
