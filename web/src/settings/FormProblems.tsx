/** Why a form was refused: every problem at its field, or the whole refusal where there is none. */

import { ApiError } from "../api/client";
import { ProblemText } from "../ui/ProblemText";

export function FormProblems({ error }: { error: Error | null }) {
  if (!error) return null;
  const problems = error instanceof ApiError ? (error.problem.errors ?? []) : [];
  return (
    <div className="notice notice-bad" role="alert">
      {problems.length === 0 && <strong>{error.message}</strong>}
      {problems.map((problem) => (
        <ProblemText key={problem.pointer + problem.code} problem={problem} />
      ))}
    </div>
  );
}
