/** What is distilled from what into what, and on which data. */

import type { JobDetail } from "../api/types";
import { formatNumber } from "../format";
import { describeWeights, listRoles, readSpec } from "./resolvedSpec";

/** Options of a model that follow from the data. */
const OF_THE_DATA = new Set(["num_classes", "in_channels", "image_size"]);

export function SetupCard({ job }: { job: JobDetail }) {
  const spec = readSpec(job);
  const roles = listRoles(spec);
  if (roles.length === 0) return null;
  const params = job.figures?.["cost/params"];
  return (
    <section className="card setup" aria-label="Models and data">
      <h2>Models and data</h2>
      <dl className="setup-facts">
        {roles.map(({ role, name, model }, index) => (
          <div key={name}>
            <dt>{role}</dt>
            <dd>
              <b>
                <bdi>{model.model}</bdi>
              </b>{" "}
              {name !== role && <bdi className="muted">{name}</bdi>}
              {index === roles.length - 1 && params !== undefined && <span> · {typeof params === "number" ? params.toLocaleString("en") : formatNumber(params)} parameters</span>}
              <span className="fact-more">{[describeOptions(model.params), describeWeights(model.weights)].filter(Boolean).join(" · ")}</span>
            </dd>
          </div>
        ))}
        {Object.entries(spec.data).map(([name, stream]) => (
          <div key={name}>
            <dt>
              <bdi>{name}</bdi> data
            </dt>
            <dd>
              <b>
                <bdi>{stream.dataset}</bdi>
              </b>{" "}
              {stream.split}
              {stream.num_samples ? `, ${stream.num_samples.toLocaleString("en")} samples` : ""}
              {name === spec.evaluation.stream && <span className="muted"> · evaluated on</span>}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function describeOptions(params: Record<string, unknown> | undefined): string {
  return Object.entries(params ?? {})
    .filter(([name]) => !OF_THE_DATA.has(name))
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
    .join(", ");
}
