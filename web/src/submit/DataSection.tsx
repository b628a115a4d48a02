/** The data of the spec: one data set for all streams, and what each stream reads of it. */

import { isRecord, type Schema } from "../components/schema";
import type { DatasetEntry } from "../components/queries";
import { OptionFields } from "./OptionFields";
import { problemsAt, useSpecForm } from "./specContext";
import { readAt } from "./specPlaces";
import { changeDataset } from "./changeDataset";

const STREAM = ["split", "num_samples"];

export function DataSection() {
  const form = useSpecForm();
  const { data, known } = form;
  const streams = isRecord(data["data"]) ? Object.keys(data["data"]) : [];
  const dataset = String(streams.map((name) => readAt(data, ["data", name, "dataset"])).find(Boolean) ?? "");
  const entry = known.catalog.datasets[dataset];
  const schema = known.schema.$defs?.["StreamSpec"];
  const problems = streams.flatMap((name) => problemsAt(form, ["data", name, "dataset"]));
  if (streams.length === 0) return <p className="muted">The spec names no stream of data yet: choose a recipe, or write some under data.</p>;
  return (
    <>
      <div className={`field ${problems.length > 0 ? "field-wrong" : ""}`}>
        <label htmlFor="dataset">data set</label>
        <select
          id="dataset"
          data-testid="dataset-choice"
          aria-describedby="dataset-about"
          value={dataset}
          onChange={(event) => form.write({ ...data, data: changeDataset(data["data"], event.target.value, known.catalog.datasets[event.target.value]) })}
        >
          {!entry && <option value={dataset}>{dataset || "choose one"}</option>}
          {Object.keys(known.catalog.datasets).map((key) => (
            <option key={key}>{key}</option>
          ))}
        </select>
        <p className="field-about" id="dataset-about">
          {problems.map((problem) => (
            <span className="bad" key={problem.pointer + problem.code} role="alert">
              {problem.message}
            </span>
          ))}
          <span>{entry?.summary}</span>
        </p>
      </div>
      {streams.map((name) => (
        <fieldset className="field-set" key={name}>
          <legend>{name}</legend>
          {schema && <OptionFields path={["data", name]} schema={schema} parts={known.schema.$defs ?? {}} first={STREAM} without={["dataset", "params", "views"]} />}
          {entry && <OptionFields path={["data", name, "params"]} schema={entry.params as Schema} parts={{ ...known.schema.$defs, ...(entry.params as Schema).$defs }} first={(entry.params as Schema).required ?? []} />}
          <p className="muted small">{describeViews(readAt(data, ["data", name, "views"]), entry)}</p>
        </fieldset>
      ))}
    </>
  );
}

function describeViews(views: unknown, entry: DatasetEntry | undefined): string {
  const shape = entry?.image_shape ? `Images of ${entry.image_shape.map((side) => side ?? "any").join(" × ")}` : "Samples";
  if (!isRecord(views)) return `${shape}, as they are.`;
  const told = Object.entries(views).map(([name, view]) => {
    const transforms = readAt(view, ["transforms"]);
    const names = Array.isArray(transforms) ? transforms.map((each) => String(readAt(each, ["transform"]))) : [];
    return `${name}: ${names.join(", ") || "no transforms"}`;
  });
  return `${shape}; views ${told.join("; ")}. They are written in the editor.`;
}
