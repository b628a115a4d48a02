/** One model of the spec: which it is, and where its weights come from. */

import { useQuery } from "@tanstack/react-query";
import { useId } from "react";

import { getJson } from "../api/client";
import type { Job, Page } from "../api/types";
import type { Schema } from "../components/schema";
import { formatAge } from "../format";
import { OptionFields } from "./OptionFields";
import { problemsAt, useSpecForm } from "./specContext";
import { findParams, readAt } from "./specPlaces";

const MOST_JOBS = 50;

export function ModelSection({ name }: { name: string }) {
  const form = useSpecForm();
  const id = useId();
  const entry = readAt(form.data, ["models", name]);
  const model = String(readAt(entry, ["model"]) ?? "");
  const known = form.known.catalog.models[model];
  const params = findParams(form.known, entry);
  const problems = problemsAt(form, ["models", name, "model"]);
  return (
    <fieldset className="field-set">
      <legend>{name}</legend>
      <div className="fields">
        <div className={`field ${problems.length > 0 ? "field-wrong" : ""}`}>
          <label htmlFor={id}>model</label>
          <select
            id={id}
            data-testid={`model-${name}`}
            aria-describedby={`${id}-about`}
            aria-invalid={problems.length > 0}
            value={model}
            onChange={(event) => form.change(["models", name], { ...keepWeights(entry, model, event.target.value), model: event.target.value })}
          >
            {!known && <option value={model}>{model || "choose one"}</option>}
            {Object.keys(form.known.catalog.models).map((key) => (
              <option key={key}>{key}</option>
            ))}
          </select>
          <p className="field-about" id={`${id}-about`}>
            {problems.map((problem) => (
              <span className="bad" key={problem.code} role="alert">
                {problem.message}
              </span>
            ))}
            <span>{known?.summary}</span>
          </p>
        </div>
        <WeightsField name={name} model={model} />
      </div>
      {params && <OptionFields path={["models", name, "params"]} schema={params.schema} parts={params.parts} without={known?.derived ?? []} first={listRequired(params.schema)} />}
    </fieldset>
  );
}

function listRequired(schema: Schema): string[] {
  return schema.required ?? [];
}

/** Weights and options belong to one model. */
function keepWeights(entry: unknown, old: string, chosen: string): object {
  return old === chosen && typeof entry === "object" ? { ...entry } : {};
}

function WeightsField({ name, model }: { name: string; model: string }) {
  const form = useSpecForm();
  const id = useId();
  const path = ["models", name, "weights"];
  const weights = readAt(form.data, path);
  const jobs = useQuery({
    queryKey: ["jobs", "students", model],
    queryFn: ({ signal }) => getJson<Page<Job>>("/v1/jobs", { state: "succeeded", student: model, limit: MOST_JOBS }, signal),
    enabled: model !== "",
  });
  const recipe = readAt(form.data, ["recipe"]);
  const isTeacher = recipe !== undefined && name !== (readAt(recipe, ["params", "student"]) ?? "student");
  const job = String(readAt(weights, ["job"]) ?? "");
  const isOther = weights !== undefined && weights !== null && job === "";
  const offered = jobs.data?.data ?? [];
  const problems = problemsAt(form, path);
  return (
    <div className={`field ${problems.length > 0 ? "field-wrong" : ""}`}>
      <label htmlFor={id}>weights</label>
      <select
        id={id}
        aria-describedby={`${id}-about`}
        value={isOther ? "other" : job}
        onChange={(event) => form.change(path, event.target.value === "" ? undefined : { job: event.target.value })}
      >
        <option value="">none: drawn from the seed</option>
        {isOther && <option value="other">{Object.entries(weights as object).flat().join(" ")}</option>}
        {job && !offered.some((each) => each.id === job) && <option value={job}>the student of {job}</option>}
        {offered.map((each) => (
          <option key={each.id} value={each.id}>
            the student of {each.name.slice(0, 80)}, {formatAge(each.created_at, Date.now())}
          </option>
        ))}
      </select>
      <p className="field-about" id={`${id}-about`}>
        {problems.map((problem) => (
          <span className="bad" key={problem.code} role="alert">
            {problem.message}
          </span>
        ))}
        <span>{isTeacher ? "A recipe first trains a teacher that has none." : "The weights that it starts from."}</span>
      </p>
    </div>
  );
}
