/** Options from their schema: name, what may stand there, default, what it is. */

import { TableFrame } from "../ui/TableFrame";
import { describeShape, follow, formatDefault, type Parts, type Schema } from "./schema";

interface Props {
  schema: Schema;
  parts: Parts;
  /** Options that follow from the data where they are left out. */
  derived?: readonly string[];
  /** Options that stand first. */
  first?: readonly string[];
}

export function OptionTable({ schema, parts, derived = [], first = [] }: Props) {
  const all = Object.entries(schema.properties ?? {});
  const options = [...all.filter(([name]) => first.includes(name)), ...all.filter(([name]) => !first.includes(name))];
  if (options.length === 0) return <p className="muted">It takes none.</p>;
  return (
    <TableFrame label="Options">
      <table className="plain-table option-table">
        <thead>
          <tr>
            <th scope="col">Option</th>
            <th scope="col">What it is</th>
            <th scope="col">Allowed</th>
            <th scope="col">Default</th>
          </tr>
        </thead>
        <tbody>
          {options.map(([name, option]) => {
            const here = follow(option, parts);
            return (
              <tr key={name}>
                <th scope="row">
                  <code>{name}</code>
                </th>
                <td className="wrap-cell">{here.description}</td>
                <td className="wrap-cell">{describeShape(here, parts)}</td>
                <td className="wrap-cell">{derived.includes(name) ? "follows from the data" : schema.required?.includes(name) ? <b>needed</b> : formatDefault(here) || <span className="muted">none</span>}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </TableFrame>
  );
}
