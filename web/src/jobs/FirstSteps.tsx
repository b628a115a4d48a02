/** What a person sees who has no job yet: how to get one. */

import { Link } from "../router";
import { CopyButton } from "../ui/CopyButton";
import { Icon } from "../ui/Icon";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** The command for this server; the client finds the one of its own machine by itself. */
function submitCommand(): string {
  const address = LOOPBACK.has(location.hostname) ? "" : ` --url ${location.origin}`;
  return `stillhouse submit spec.yaml --follow${address}`;
}

export function FirstSteps() {
  const commands = [
    ["Submit a spec and watch it", submitCommand()],
    ["See the whole path: teacher, student and control on real data", "make demo"],
  ] as const;
  return (
    <section className="first-steps">
      <img src="/favicon.svg" alt="" width="72" height="72" />
      <h1>No jobs yet</h1>
      <p>A job trains a small student to imitate a large teacher. Write down who learns from whom, and submit it.</p>
      <Link className="button button-primary" href="/jobs/new">
        <Icon name="plus" />
        Write a spec here
      </Link>
      <dl>
        {commands.map(([meaning, command]) => (
          <div key={command}>
            <dt>{meaning}</dt>
            <dd>
              <code>{command}</code>
              <CopyButton text={command} label={`Copy: ${command}`} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
