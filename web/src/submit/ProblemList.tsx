/** What is wrong with the spec, each with its place, what is allowed there and the nearest names. */

import type { SpecProblem } from "../api/types";
import { Link } from "../router";
import { Icon } from "../ui/Icon";
import { ProblemText } from "../ui/ProblemText";
import type { Check } from "./useValidation";

interface Props {
  check: Check;
  problems: readonly SpecProblem[];
  onPick: (problem: SpecProblem) => void;
}

export function ProblemList({ check, problems, onPick }: Props) {
  return (
    <aside className="problems" id="spec-problems" data-testid="spec-problems" data-count={problems.length} data-verdict={check.verdict}>
      <h2>
        <span role="status">
          <Verdict verdict={check.verdict} count={problems.length} />
        </span>
      </h2>
      <ol>
        {problems.map((problem, index) => (
          <li key={`${problem.pointer} ${problem.code} ${index}`}>
            <button type="button" onClick={() => onPick(problem)}>
              <ProblemText problem={problem} />
            </button>
          </li>
        ))}
      </ol>
      {problems.length === 0 && <Hints isShort={check.verdict === "valid"} />}
    </aside>
  );
}

function Verdict({ verdict, count }: { verdict: Check["verdict"]; count: number }) {
  if (count > 0) {
    return (
      <span className="bad">
        <Icon name="failed" />
        {count === 1 ? "1 problem" : `${count} problems`}
      </span>
    );
  }
  if (verdict === "valid") {
    return (
      <span className="good">
        <Icon name="succeeded" />
        Ready to submit
      </span>
    );
  }
  return <span className="muted">{verdict === "unknown" ? "The server could not be asked" : "Checking…"}</span>;
}

function Hints({ isShort }: { isShort: boolean }) {
  return (
    <ul className="hints">
      {!isShort && (
        <>
          <li>YAML or JSON; it is checked while you type.</li>
          <li>
            <b>models</b> and <b>data</b> are named; <b>stages</b> say who learns from whom. What a stage leaves out it takes from the
            one before; a <b>recipe</b> writes them out by its name.
          </li>
          <li>
            <b>objective</b> is a weighted sum of terms: <code>ce</code> learns from the labels, <code>kd</code> from the teacher.
          </li>
        </>
      )}
      <li>
        <Link href="/components">All recipes, methods, models and data sets</Link>, and{" "}
        <a href="/v1/specs/schema">the schema of a spec</a>.
      </li>
      <li>
        <kbd>Ctrl</kbd> <kbd>Enter</kbd> in the editor submits, <kbd>Ctrl</kbd> <kbd>Space</kbd> offers what may stand there.
      </li>
    </ul>
  );
}
