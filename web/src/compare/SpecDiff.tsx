/** Two specs, line by line: what the baseline says and what another job says in its place. */

import type { Job } from "../api/types";
import { useParam } from "../router";
import { Empty } from "../ui/Notice";
import { diffSpecs } from "./diffSpecs";
import type { Comparison } from "./queries";

export function SpecDiff({ comparison }: { comparison: Comparison }) {
  const { data: jobs, baseline, differs } = comparison;
  const [named, setNamed] = useParam<string>("against", "");
  const others = jobs.filter(({ id }) => id !== baseline);
  const other = others.find(({ id }) => id === named) ?? others[0];
  const start = jobs.find(({ id }) => id === baseline);
  if (!start || !other) return null;
  const lines = diffSpecs(differs, start.id, other.id);
  return (
    <section className="compare-part">
      <div className="part-head">
        <h2>Spec diff</h2>
        <JobChoice jobs={others} chosen={other.id} onChoose={setNamed} />
        <span className="muted cut" title={start.name}>
          against the baseline, <bdi>{start.name}</bdi>
        </span>
      </div>
      {lines.length === 0 ? (
        <Empty>The specs of the two are the same.</Empty>
      ) : (
        <div className="spec-diff" tabIndex={0} role="region" aria-label="Spec diff">
          <dl>
            {lines.map(({ pointer, before, after }) => (
              <div key={pointer}>
                <dt>
                  <code>{pointer}</code>
                </dt>
                {before !== null && <Side kind="del" sign="−" text={before} />}
                {after !== null && <Side kind="ins" sign="+" text={after} />}
              </div>
            ))}
          </dl>
        </div>
      )}
    </section>
  );
}

function JobChoice({ jobs, chosen, onChoose }: { jobs: readonly Job[]; chosen: string; onChoose: (id: string) => void }) {
  return (
    <label className="choice">
      <span className="visually-hidden">Job</span>
      <select value={chosen} onChange={(event) => onChoose(event.target.value)}>
        {jobs.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Side({ kind: Tag, sign, text }: { kind: "del" | "ins"; sign: string; text: string }) {
  return (
    <dd>
      <Tag>
        <span aria-hidden="true">{sign} </span>
        <bdi>{text}</bdi>
      </Tag>
    </dd>
  );
}
