/** One option, drawn from its schema: what it is, what holds when nothing is written, and what is wrong with it. */

import { useId, useState, type ReactNode } from "react";
import { parse } from "yaml";

import { describeShape, fitShapes, follow, formatDefault, isRecord, listShapes, type Parts, type Schema, type Step } from "../components/schema";
import { formatWord } from "../format";
import { problemsAt, useSpecForm } from "./specContext";
import { readAt } from "./specPlaces";
import { joinPointer } from "./specText";
import { OptionFields } from "./OptionFields";

interface Props {
  path: readonly Step[];
  schema: Schema;
  parts: Parts;
  isRequired?: boolean;
}

export function OptionField({ path, schema, parts, isRequired = false }: Props) {
  const here = follow(schema, parts);
  const shapes = listShapes(here, parts);
  const kind = findKind(shapes);
  if (kind) return <KindField path={path} schema={here} parts={parts} shapes={shapes} kind={kind} />;
  const [shape] = shapes;
  if (shape?.properties && shapes.length === 1) return <PartField path={path} schema={here} parts={parts} shape={shape} />;
  const choices = listChoices(shapes);
  return (
    <Labelled path={path} schema={here} parts={parts} isRequired={isRequired}>
      {(ids) => (choices ? <ChoiceInput path={path} schema={here} choices={choices} ids={ids} /> : <TextInput path={path} schema={here} shapes={shapes} ids={ids} />)}
    </Labelled>
  );
}

interface Ids {
  id: string;
  describedBy: string;
  isWrong: boolean;
}

function Labelled({ path, schema, parts, isRequired, isExact = false, children }: Props & { isExact?: boolean; children: (ids: Ids) => ReactNode }) {
  const form = useSpecForm();
  const id = useId();
  const problems = problemsAt(form, path, isExact);
  const isWrong = problems.length > 0;
  return (
    <div className={`field ${isWrong ? "field-wrong" : ""}`} data-field={path.join("/")}>
      <label htmlFor={id}>
        {formatWord(String(path.at(-1)))}
        {isRequired && <span className="muted"> (needed)</span>}
      </label>
      {children({ id, describedBy: `${id}-about`, isWrong })}
      <p className="field-about" id={`${id}-about`}>
        {problems.map((problem) => (
          <span className="bad" key={problem.pointer + problem.code} role="alert">
            {problem.message}
            {problem.nearest.length > 0 && `; did you mean ${problem.nearest.join(", ")}?`}
          </span>
        ))}
        <span>{schema.description ?? describeShape(schema, parts)}</span>
      </p>
    </div>
  );
}

/** A part with options of its own, such as `hold_out`: folded until one of them is written. */
function PartField({ path, schema, parts, shape }: Props & { shape: Schema }) {
  const form = useSpecForm();
  const problems = problemsAt(form, path);
  const isWritten = readAt(form.data, path) != null || problems.length > 0;
  const own = problems.filter(({ pointer }) => pointer === joinPointer(path));
  return (
    <details className="field-group" open={isWritten || undefined} data-field={path.join("/")}>
      <summary>{formatWord(String(path.at(-1)))}</summary>
      <p className="field-about">
        {own.map((problem) => (
          <span className="bad" key={problem.code} role="alert">
            {problem.message}
          </span>
        ))}
        <span>{schema.description}</span>
      </p>
      <OptionFields path={path} schema={shape} parts={parts} />
    </details>
  );
}

/** The name of the constant that tells the shapes of a union apart, as `optimizer` does. */
function findKind(shapes: readonly Schema[]): string | null {
  if (shapes.length < 2) return null;
  const names = Object.entries(shapes[0]?.properties ?? {}).filter(([, option]) => option.const !== undefined).map(([name]) => name);
  return names.find((name) => shapes.every((shape) => shape.properties?.[name]?.const !== undefined)) ?? null;
}

/** A choice of the kind, and below it the options of the kind that is chosen. */
function KindField({ path, schema, parts, shapes, kind }: Props & { shapes: readonly Schema[]; kind: string }) {
  const { data, change } = useSpecForm();
  const value = readAt(data, path);
  const chosen = isRecord(value) ? String(value[kind] ?? "") : "";
  const shape = chosen ? fitShapes(schema, parts, value)[0] : undefined;
  const choose = (name: string) => change(path, name === "" ? undefined : { [kind]: name, ...keepShared(value, shapes, kind, name) });
  return (
    <div className="field-group">
      <Labelled path={path} schema={schema} parts={parts} isExact>
        {({ id, describedBy, isWrong }) => (
          <select id={id} aria-describedby={describedBy} aria-invalid={isWrong} value={chosen} onChange={(event) => choose(event.target.value)}>
            <option value="">{nameDefault(schema)}</option>
            {shapes.map((each) => String(each.properties?.[kind]?.const)).map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
      </Labelled>
      {shape && <OptionFields path={path} schema={shape} parts={parts} without={[kind]} />}
    </div>
  );
}

/** What the new kind takes as well, as the rate of another optimizer, is kept. */
function keepShared(value: unknown, shapes: readonly Schema[], kind: string, name: string): Record<string, unknown> {
  const options = shapes.find((shape) => shape.properties?.[kind]?.const === name)?.properties ?? {};
  return Object.fromEntries(Object.entries(isRecord(value) ? value : {}).filter(([key]) => key !== kind && key in options));
}

function listChoices(shapes: readonly Schema[]): unknown[] | null {
  const choices = shapes.map((shape) => shape.enum ?? (shape.const !== undefined ? [shape.const] : shape.type === "boolean" ? [true, false] : null));
  return shapes.length > 0 && choices.every((each) => each !== null) ? choices.flat() : null;
}

function ChoiceInput({ path, schema, choices, ids }: { path: readonly Step[]; schema: Schema; choices: unknown[]; ids: Ids }) {
  const { data, change } = useSpecForm();
  const value = readAt(data, path);
  const isForeign = value !== undefined && value !== null && !choices.includes(value);
  return (
    <select
      id={ids.id}
      aria-describedby={ids.describedBy}
      aria-invalid={ids.isWrong}
      value={value === undefined || value === null ? "" : JSON.stringify(value)}
      onChange={(event) => change(path, event.target.value === "" ? undefined : JSON.parse(event.target.value))}
    >
      <option value="">{nameDefault(schema)}</option>
      {(isForeign ? [...choices, value] : choices).map((choice) => (
        <option key={String(choice)} value={JSON.stringify(choice)}>
          {String(choice)}
        </option>
      ))}
    </select>
  );
}

function TextInput({ path, schema, shapes, ids }: { path: readonly Step[]; schema: Schema; shapes: readonly Schema[]; ids: Ids }) {
  const { data, change } = useSpecForm();
  const [typed, setTyped] = useState<{ text: string; value: unknown } | null>(null);
  const value = readAt(data, path);
  const isNumber = shapes.length > 0 && shapes.every(({ type }) => type === "number" || type === "integer");
  const isText = shapes.length > 0 && shapes.every(({ type }) => type === "string");
  const type = (text: string) => {
    const read = readTyped(text, isText);
    setTyped({ text, value: read === UNREADABLE ? value : read });
    if (read !== UNREADABLE) change(path, read);
  };
  const isTyping = typed !== null && formatValue(typed.value) === formatValue(value); // else it was changed elsewhere
  return (
    <input
      id={ids.id}
      aria-describedby={ids.describedBy}
      aria-invalid={ids.isWrong}
      inputMode={isNumber ? "decimal" : "text"}
      autoComplete="off"
      spellCheck={false}
      dir="auto"
      placeholder={formatDefault(schema)}
      value={isTyping ? typed.text : formatValue(value)}
      onChange={(event) => type(event.target.value)}
      onBlur={() => setTyped(null)}
    />
  );
}

const UNREADABLE = Symbol("not YAML yet");

/** What was typed, as YAML reads it; nothing typed is nothing written. */
function readTyped(text: string, isText: boolean): unknown {
  if (text.trim() === "") return undefined;
  if (isText) return text;
  try {
    return parse(text) as unknown;
  } catch {
    return UNREADABLE;
  }
}

function formatValue(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function nameDefault(schema: Schema): string {
  const text = formatDefault(schema);
  return text ? `default: ${text}` : "not set";
}
