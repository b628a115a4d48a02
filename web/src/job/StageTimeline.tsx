/** The stages of a job in a row, each as wide as its epochs ask for, with how far it is. */

import { useQuery } from "@tanstack/react-query";

import { eventsQuery } from "../api/queries";
import type { JobDetail } from "../api/types";
import { formatNumber } from "../format";
import { readStageProgress, type StageProgress } from "./stageProgress";

export function StageTimeline({ job }: { job: JobDetail }) {
  const events = useQuery(eventsQuery(job.id)).data;
  const stages = readStageProgress(job, events ?? []);
  if (stages.length === 0) return null;
  return (
    <ol className="stages" aria-label="Stages">
      {stages.map((each, index) => (
        <Stage key={each.stage.name} number={index + 1} {...each} />
      ))}
    </ol>
  );
}

function Stage({ number, stage, state, share, steps }: StageProgress & { number: number }) {
  const methods = Object.values(stage.objective ?? {}).map(({ method, loss }) => method ?? loss ?? "");
  const taught = stage.teachers?.length ? `${stage.teachers.join(" + ")} teaches ${stage.student}` : `${stage.student} alone`;
  return (
    <li className={`stage stage-${state.replace(" ", "-")}`} style={{ flexGrow: Math.max(1, Math.min(stage.epochs, 400)) }}>
      <div className="stage-head">
        <strong>
          {number}. <bdi>{stage.name}</bdi>
        </strong>
        <span className="stage-state">{state === "running" ? `${Math.floor(share * 100)} %` : state}</span>
      </div>
      <div
        className="stage-bar"
        role="progressbar"
        aria-label={`Stage ${stage.name}`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(share * 100)}
      >
        <div style={{ transform: `scaleX(${share})` }} />
      </div>
      <span className="stage-facts">
        <bdi>{taught}</bdi>
      </span>
      <span className="stage-facts">
        {methods.join(" + ")} · {stage.epochs} {stage.epochs === 1 ? "epoch" : "epochs"}
        {steps !== null && `, ${formatNumber(steps)} steps`}
      </span>
    </li>
  );
}
