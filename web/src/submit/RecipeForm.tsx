/** A spec as a form: recipe, models, data and options, drawn from the catalog. It changes the same text as the editor. */

import { listOwnOptions } from "../components/kinds";
import { isRecord } from "../components/schema";
import { Link } from "../router";
import { useMay } from "../session/useMay";
import { DataSection } from "./DataSection";
import { ModelSection } from "./ModelSection";
import { OptionField } from "./OptionField";
import { OptionFields } from "./OptionFields";
import { applyRecipe } from "./applyRecipe";
import { problemsAt, useSpecForm } from "./specContext";
import { findParams, readAt } from "./specPlaces";
import { UploadCard } from "./UploadCard";

const TRAINING = ["epochs", "batch_size", "optimizer", "schedule", "validate_on"];
const RUN = ["device", "seed", "devices", "precision"];

export function RecipeForm() {
  const { data, known } = useSpecForm();
  const models = isRecord(data["models"]) ? Object.keys(data["models"]) : [];
  const parts = known.schema.$defs ?? {};
  const mayWrite = useMay("jobs:write");
  return (
    <div className="recipe-form" data-testid="recipe-form">
      <section className="card">
        <h2>Recipe</h2>
        <OptionField path={["name"]} schema={known.schema.properties?.["name"] ?? {}} parts={parts} />
        <RecipeChoice />
      </section>
      <section className="card">
        <h2>Models</h2>
        {models.map((name) => (
          <ModelSection key={name} name={name} />
        ))}
        {models.length === 0 && <p className="muted">The spec names no model yet: choose a recipe, or write some under models.</p>}
      </section>
      <section className="card">
        <h2>Data</h2>
        <DataSection />
      </section>
      {mayWrite && <UploadCard />}
      <section className="card">
        <h2>{data["recipe"] ? "Options of the recipe" : "Stages"}</h2>
        {data["recipe"] ? <RecipeOptions /> : <StageList />}
      </section>
      <section className="card">
        <h2>Run</h2>
        <OptionFields path={["runtime"]} schema={{ $ref: "#/$defs/RuntimeSpec" }} parts={parts} first={RUN} />
      </section>
    </div>
  );
}

function RecipeChoice() {
  const form = useSpecForm();
  const { catalog } = form.known;
  const name = String(readAt(form.data, ["recipe", "name"]) ?? "");
  const entry = catalog.recipes[name];
  const problems = problemsAt(form, ["recipe"], true).concat(problemsAt(form, ["recipe", "name"]));
  return (
    <div className={`field ${problems.length > 0 ? "field-wrong" : ""}`}>
      <label htmlFor="recipe">recipe</label>
      <select
        id="recipe"
        data-testid="recipe-choice"
        aria-describedby="recipe-about"
        aria-invalid={problems.length > 0}
        value={name}
        onChange={(event) => form.write(applyRecipe(form.data, event.target.value, catalog))}
      >
        {!entry && <option value={name}>{name || "none: stages of its own"}</option>}
        {Object.entries(catalog.recipes).map(([key, { summary }]) => (
          <option key={key} value={key}>
            {key} – {summary}
          </option>
        ))}
      </select>
      <div className="field-about" id="recipe-about">
        {problems.map((problem) => (
          <span className="bad" key={problem.pointer + problem.code} role="alert">
            {problem.message}
          </span>
        ))}
        {entry ? (
          <>
            <span>{entry.summary}</span>
            <span>{entry.paper}</span>
            <Link href={`/components/recipes/${name}`}>All about {name}</Link>
          </>
        ) : (
          <span>A recipe writes out the stages of a published method. Choosing one replaces the stages of this spec.</span>
        )}
      </div>
    </div>
  );
}

function RecipeOptions() {
  const { data, known } = useSpecForm();
  const params = findParams(known, data["recipe"]);
  if (!params) return <p className="muted">No recipe has this name: choose one above.</p>;
  const own = listOwnOptions(known.catalog, String(readAt(data, ["recipe", "name"]))).filter((name) => !TRAINING.includes(name));
  return <OptionFields path={["recipe", "params"]} schema={params.schema} parts={params.parts} first={[...own, ...TRAINING]} />;
}

function StageList() {
  const { data } = useSpecForm();
  const stages = Array.isArray(data["stages"]) ? (data["stages"] as unknown[]) : [];
  return (
    <>
      <ol className="stage-list">
        {stages.map((stage, index) => (
          <li key={index}>
            <b dir="auto">{String(readAt(stage, ["name"]) ?? index + 1)}</b>
            <span className="muted" dir="auto">
              {String(readAt(stage, ["student"]) ?? "the same student")}
              {" learns by "}
              {Object.keys((readAt(stage, ["objective"]) as object | undefined) ?? {}).join(" + ") || "the objective of the stage before"}
            </span>
          </li>
        ))}
      </ol>
      <p className="muted">Stages of one’s own are written in the editor; a recipe, chosen above, replaces them.</p>
    </>
  );
}
