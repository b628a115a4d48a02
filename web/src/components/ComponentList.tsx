/** The components of a kind, one a row. */

import { Link } from "../router";
import { Empty } from "../ui/Notice";
import { TableFrame } from "../ui/TableFrame";
import { formatCost, type AnyEntry, type KindFacts } from "./kinds";

const LONG_BAR = 3; // costs above are as long as this

export function ComponentList({ kind, entries, text }: { kind: KindFacts; entries: [string, AnyEntry][]; text: string }) {
  if (entries.length === 0) return <Empty>No {kind.singular} has all the words of “{text}”.</Empty>;
  return (
    <TableFrame label={kind.title}>
      <table className="plain-table component-table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">What it is</th>
            <FactHead kind={kind} />
          </tr>
        </thead>
        <tbody>
          {entries.map(([name, entry]) => (
            <tr key={name}>
              <td>
                <Link href={`/components/${kind.name}/${name}`}>
                  <code>{name}</code>
                </Link>
              </td>
              <td className="wrap-cell">{entry.summary}</td>
              <FactCell entry={entry} />
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

function FactHead({ kind }: { kind: KindFacts }) {
  const title = { methods: "Cost", recipes: "Published", models: "Feature points", datasets: "Samples" }[kind.name];
  return <th scope="col">{title}</th>;
}

function FactCell({ entry }: { entry: AnyEntry }) {
  if ("cost" in entry) return <Cost cost={entry.cost} />;
  if ("example" in entry) return <td>{/\b(?:19|20)\d\d\b/.exec(entry.paper.split('"').at(-1) ?? "")?.[0] ?? "–"}</td>;
  if ("feature_points" in entry) return <td>{Object.keys(entry.feature_points).length}</td>;
  return <td>{entry.splits ? Object.values(entry.splits).reduce((sum, count) => sum + count, 0).toLocaleString("en") : "as its files have"}</td>;
}

function Cost({ cost }: { cost: number | null }) {
  return (
    <td className="cost-cell">
      <span className="cost-bar" aria-hidden="true">
        <span style={{ width: `${(Math.min(cost ?? 0, LONG_BAR) / LONG_BAR) * 100}%` }} />
      </span>
      {formatCost(cost)}
    </td>
  );
}
