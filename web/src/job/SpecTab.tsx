/** The spec, as it was submitted and with everything written out, and what it has other than another job's. */

import { useMemo } from "react";
import { stringify } from "yaml";

import type { JobDetail } from "../api/types";
import { Link, useParam } from "../router";
import { CopyButton } from "../ui/CopyButton";
import { Segments } from "../ui/Segments";
import { formatJson } from "./formatJson";
import { JsonText } from "./JsonText";
import { SpecDiff } from "./SpecDiff";
import { YamlText } from "./YamlText";

const FORMS = ["submitted", "resolved"] as const;
const NOTATIONS = ["yaml", "json"] as const;

export function SpecTab({ job }: { job: JobDetail }) {
  const [form, setForm] = useParam<string>("spec", "submitted");
  const [notation, setNotation] = useParam<string>("in", "yaml");
  const document = form === "resolved" ? job.resolved_spec : job.spec;
  const text = useMemo(() => (notation === "json" ? formatJson(document) : stringify(document, { lineWidth: 100 })), [notation, document]);
  return (
    <div className="stack">
      <section className="card">
        <div className="card-head">
          <h2>Spec</h2>
          <Segments label="Form of the spec" options={FORMS} chosen={form} onChoose={setForm} />
          <Segments label="Notation of the spec" options={NOTATIONS} chosen={notation} onChoose={setNotation} />
          <CopyButton text={text} label="Copy the spec" />
          <span className="spacer" />
          <Link className="button" href={`/jobs/new?from=${job.id}`}>
            New job from this
          </Link>
        </div>
        <pre className="code" tabIndex={0} aria-label={`The ${form} spec`}>
          {notation === "json" ? <JsonText text={text} /> : <YamlText text={text} />}
        </pre>
        <p className="muted">
          sha256 of the spec <code>{job.spec_sha256}</code>
        </p>
      </section>
      <SpecDiff job={job} />
    </div>
  );
}
