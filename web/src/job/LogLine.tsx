/** A line of a log; warnings and errors stand out, and what is searched for is marked. */

import { memo } from "react";

import { cutMatches } from "./logSearch";

const LOUD = [
  [/\b(ERROR|CRITICAL|FATAL|Traceback|\w+Error:)/, "log-error"],
  [/\bWARN(ING)?\b/, "log-warning"],
] as const;

interface LineProps {
  text: string;
  search?: string;
  isCurrent?: boolean;
}

export const LogLine = memo(function LogLine({ text, search = "", isCurrent = false }: LineProps) {
  const loud = LOUD.find(([pattern]) => pattern.test(text));
  const classes = ["log-line", loud?.[1], isCurrent ? "log-current" : undefined].filter(Boolean).join(" ");
  return (
    <div className={classes}>
      {search ? cutMatches(text, search).map(({ text: piece, isMatch }, index) => (isMatch ? <mark key={index}>{piece}</mark> : piece)) : text || " "}
    </div>
  );
});
