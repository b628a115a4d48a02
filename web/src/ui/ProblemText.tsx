/** One problem of a spec, as people read it. */

import type { SpecProblem } from "../api/types";

const MOST_NAMES = 12;

export function ProblemText({ problem }: { problem: SpecProblem }) {
  return (
    <span className="problem">
      <code className="pointer">{problem.pointer || "/"}</code>
      <span className="message">{problem.message}</span>
      {problem.value !== null && problem.value !== undefined && (
        <span className="detail">
          found <code>{JSON.stringify(problem.value)}</code>
        </span>
      )}
      {problem.nearest.length > 0 ? (
        <span className="detail">
          did you mean <Names names={problem.nearest} />?
        </span>
      ) : (
        problem.allowed && (
          <span className="detail">
            allowed: {typeof problem.allowed === "string" ? problem.allowed : <Names names={problem.allowed} />}
          </span>
        )
      )}
    </span>
  );
}

function Names({ names }: { names: readonly string[] }) {
  return (
    <>
      {names.slice(0, MOST_NAMES).map((name, index) => (
        <span key={name}>
          {index > 0 && ", "}
          <code>{name}</code>
        </span>
      ))}
      {names.length > MOST_NAMES && ` and ${names.length - MOST_NAMES} more`}
    </>
  );
}
