/** All that is known of one component. */

import { useQuery } from "@tanstack/react-query";

import { Link } from "../router";
import { writeSpec } from "../submit/specText";
import { CopyButton } from "../ui/CopyButton";
import { Empty } from "../ui/Notice";
import { findPaperAddress, formatCost, listOwnOptions, type AnyEntry, type KindFacts } from "./kinds";
import { OptionTable } from "./OptionTable";
import { schemaQuery, type Catalog, type DatasetEntry, type MethodEntry, type ModelEntry, type RecipeEntry } from "./queries";
import type { Schema } from "./schema";

export function ComponentDetail({ kind, name, catalog }: { kind: KindFacts; name: string; catalog: Catalog }) {
  const parts = useQuery(schemaQuery()).data?.$defs ?? {};
  const entry = (catalog[kind.name] as Record<string, AnyEntry>)[name];
  if (!entry) {
    return (
      <Empty>
        No {kind.singular} is called “{name}”. <Link href={`/components/${kind.name}`}>See all {kind.title.toLowerCase()}</Link>.
      </Empty>
    );
  }
  const params = entry.params as Schema;
  return (
    <article className="component">
      <p className="crumbs">
        <Link href={`/components/${kind.name}`}>{kind.title}</Link>
      </p>
      <div className="page-head">
        <h1>
          <code>{name}</code>
        </h1>
        <p className="lead">{entry.summary}</p>
      </div>
      {"cost" in entry && <MethodFacts name={name} entry={entry} catalog={catalog} />}
      {"example" in entry && <RecipeFacts name={name} entry={entry} />}
      {"feature_points" in entry && <ModelFacts entry={entry} />}
      {"num_classes" in entry && <DatasetFacts entry={entry} />}
      <section className="card">
        <h2>Options</h2>
        <OptionTable
          schema={params}
          parts={{ ...parts, ...params.$defs }}
          derived={"derived" in entry ? entry.derived : []}
          first={kind.name === "recipes" ? listOwnOptions(catalog, name) : []}
        />
      </section>
      <Snippet text={writeSnippet(kind, name, entry)} />
    </article>
  );
}

function Paper({ paper }: { paper: string }) {
  const address = findPaperAddress(paper);
  return (
    <>
      {paper}
      {address && (
        <>
          {" "}
          <a href={address} rel="noreferrer" target="_blank">
            {address.replace("https://", "")}
          </a>
        </>
      )}
    </>
  );
}

function MethodFacts({ name, entry, catalog }: { name: string; entry: MethodEntry; catalog: Catalog }) {
  const taps = Object.entries(entry.taps).filter(([, places]) => places.length > 0);
  const others = Object.entries(catalog.methods).filter(([key]) => key !== name);
  const before = others.filter(([, other]) => other.exports.some((module) => entry.imports.includes(module)));
  const after = others.filter(([, other]) => other.imports.some((module) => entry.exports.includes(module)));
  return (
    <dl className="card facts">
      <dt>when to use it</dt>
      <dd>{entry.use}</dd>
      <dt>formula</dt>
      <dd className="formula">{entry.formula}</dd>
      <dt>paper</dt>
      <dd>
        <Paper paper={entry.paper} />
      </dd>
      <dt>cost</dt>
      <dd>
        {formatCost(entry.cost)}
        {entry.cost !== null && <span className="muted small">time of a step with it and cross-entropy, relative to kd and cross-entropy; ResNet-20 to ResNet-8 on one CPU thread</span>}
      </dd>
      <dt>needs</dt>
      <dd>{listNeeds(entry).join(", ") || "nothing"}</dd>
      <dt>taps</dt>
      <dd>
        {taps.length === 0 && "nothing"}
        {taps.map(([side, places]) => (
          <span className="tap-side" key={side}>
            {side}: {places.map((place) => <code key={place}>{place}</code>)}
          </span>
        ))}
      </dd>
      <Neighbours title="after a stage with" entries={before} />
      <Neighbours title="before a stage with" entries={after} />
    </dl>
  );
}

function listNeeds(entry: MethodEntry): string[] {
  return [
    entry.teacher ? (entry.ensemble ? "all teachers of the stage" : "a teacher") : "",
    entry.labels ? "labels" : "",
    entry.same_classes ? "the same classes in both" : "",
    entry.smallest_batch > 1 ? `a batch of ${entry.smallest_batch} at least` : "",
  ].filter(Boolean);
}

function Neighbours({ title, entries }: { title: string; entries: [string, MethodEntry][] }) {
  if (entries.length === 0) return null;
  return (
    <>
      <dt>{title}</dt>
      <dd>
        {entries.map(([name]) => (
          <Link key={name} href={`/components/methods/${name}`}>
            <code>{name}</code>
          </Link>
        ))}
      </dd>
    </>
  );
}

function RecipeFacts({ name, entry }: { name: string; entry: RecipeEntry }) {
  return (
    <>
      <dl className="card facts">
        <dt>paper</dt>
        <dd>
          <Paper paper={entry.paper} />
        </dd>
        <dt>use it</dt>
        <dd>
          <Link href={`/jobs/new?recipe=${name}`}>Write a job with it</Link>
        </dd>
      </dl>
      {entry.example && (
        <details className="card">
          <summary>An experiment of minutes with it</summary>
          <CopyButton text={writeSpec(entry.example)} label="Copy the example" />
          <pre className="resolved" tabIndex={0}>
            {writeSpec(entry.example)}
          </pre>
        </details>
      )}
    </>
  );
}

function ModelFacts({ entry }: { entry: ModelEntry }) {
  return (
    <dl className="card facts">
      <dt>follow from the data</dt>
      <dd>{entry.derived.map((name) => <code key={name}>{name}</code>)}</dd>
      <dt>feature points</dt>
      <dd>
        <ul className="place-list">
          {Object.entries(entry.feature_points).map(([point, path]) => (
            <li key={point}>
              <code>{point}</code> <span className="muted">{path}</span>
            </li>
          ))}
        </ul>
      </dd>
      <dt>module paths</dt>
      <dd>
        <details>
          <summary>{entry.module_paths.length} modules</summary>
          <p className="module-paths">{entry.module_paths.map((path) => <code key={path}>{path}</code>)}</p>
        </details>
      </dd>
    </dl>
  );
}

function DatasetFacts({ entry }: { entry: DatasetEntry }) {
  return (
    <dl className="card facts">
      <dt>classes</dt>
      <dd>{entry.num_classes ?? "as the option num_classes says"}</dd>
      <dt>images</dt>
      <dd>{entry.image_shape ? `${entry.image_shape.map((side) => side ?? "any").join(" × ")} (channels, height, width)` : "none: its samples are no images"}</dd>
      <dt>splits</dt>
      <dd>{entry.splits ? Object.entries(entry.splits).map(([split, count]) => `${split} ${count.toLocaleString("en")}`).join(", ") : "as its files have"}</dd>
      {entry.mean && entry.std && (
        <>
          <dt>mean, deviation</dt>
          <dd>
            {entry.mean.join(", ")} ± {entry.std.join(", ")}
          </dd>
        </>
      )}
    </dl>
  );
}

function writeSnippet(kind: KindFacts, name: string, entry: AnyEntry): string {
  const derived = "derived" in entry ? entry.derived : [];
  const needed = ((entry.params["required"] as string[] | undefined) ?? []).filter((option) => !derived.includes(option));
  const required = Object.fromEntries(needed.map((option) => [option, "…"]));
  const params = Object.keys(required).length > 0 ? { params: required } : {};
  if (kind.name === "methods") return writeSpec({ objective: { [name]: { method: name, weight: 1, ...params } } });
  if (kind.name === "models") return writeSpec({ models: { student: { model: name, ...params } } });
  if (kind.name === "datasets") return writeSpec({ data: { train: { dataset: name, split: "train", ...params } } });
  return writeSpec({ recipe: { name, ...params } });
}

function Snippet({ text }: { text: string }) {
  return (
    <section className="card">
      <div className="card-head">
        <h2>In a spec</h2>
        <CopyButton text={text} label="Copy" />
      </div>
      <pre className="resolved" tabIndex={0}>
        {text}
      </pre>
    </section>
  );
}
