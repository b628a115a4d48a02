/** The options of a thing, each a field; rare ones behind a fold. */

import { follow, type Parts, type Schema, type Step } from "../components/schema";
import { OptionField } from "./OptionField";
import { useSpecForm } from "./specContext";
import { readAt } from "./specPlaces";

interface Props {
  path: readonly Step[];
  schema: Schema;
  parts: Parts;
  /** Options that are not shown. */
  without?: readonly string[];
  /** Options that are shown at once, in this order; all others are behind a fold. Left out: all are shown. */
  first?: readonly string[];
}

export function OptionFields({ path, schema, parts, without = [], first }: Props) {
  const { data, problems } = useSpecForm();
  const here = follow(schema, parts);
  const names = Object.keys(here.properties ?? {}).filter((name) => !without.includes(name));
  const shown = first ? first.filter((name) => names.includes(name)) : names;
  const folded = names.filter((name) => !shown.includes(name));
  const draw = (name: string) => (
    <OptionField key={name} path={[...path, name]} schema={here.properties?.[name] ?? {}} parts={parts} isRequired={here.required?.includes(name) ?? false} />
  );
  const pointer = `/${path.join("/")}/`;
  const isTold = folded.some((name) => readAt(data, [...path, name]) !== undefined || problems.some((problem) => problem.pointer.startsWith(pointer + name)));
  return (
    <>
      <div className="fields">{shown.map(draw)}</div>
      {folded.length > 0 && (
        <details className="more" open={isTold || undefined}>
          <summary>
            {folded.length} more {folded.length === 1 ? "option" : "options"}
          </summary>
          <div className="fields">{folded.map(draw)}</div>
        </details>
      )}
    </>
  );
}
