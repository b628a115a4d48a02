/** The spec, as it was submitted and with everything written out. */

import type { JobDetail } from "../api/types";
import { Link, useParam } from "../router";
import { CopyButton } from "../ui/CopyButton";
import { formatJson } from "./formatJson";
import { JsonText } from "./JsonText";

const FORMS = ["submitted", "resolved"] as const;

export function SpecTab({ job }: { job: JobDetail }) {
  const [form, setForm] = useParam<string>("spec", "submitted");
  const text = formatJson(form === "resolved" ? job.resolved_spec : job.spec);
  return (
    <section className="card">
      <div className="card-head">
        <h2>Spec</h2>
        <div className="segments" role="group" aria-label="Form of the spec">
          {FORMS.map((each) => (
            <button type="button" key={each} aria-pressed={each === form} onClick={() => setForm(each)}>
              {each}
            </button>
          ))}
        </div>
        <CopyButton text={text} label="Copy the spec" />
        <span className="spacer" />
        <Link className="button" href={`/jobs/new?from=${job.id}`}>
          New job from this
        </Link>
      </div>
      <pre className="code" tabIndex={0} aria-label={`The ${form} spec`}>
        <JsonText text={text} />
      </pre>
      <p className="muted">
        sha256 of the spec <code>{job.spec_sha256}</code>
      </p>
    </section>
  );
}
