/** The lines of a log; warnings and errors stand out. */

import { memo } from "react";

import type { LogLine } from "./logText";

const LOUD = [
  [/\b(ERROR|CRITICAL|FATAL|Traceback|\w+Error:)/, "log-error"],
  [/\bWARN(ING)?\b/, "log-warning"],
] as const;

export function LogLines({ lines, rest }: { lines: readonly LogLine[]; rest: string }) {
  return (
    <div className="log-lines">
      {lines.map(({ number, text }) => (
        <Line key={number} text={text} />
      ))}
      {rest && <Line text={rest} />}
    </div>
  );
}

const Line = memo(function Line({ text }: { text: string }) {
  const loud = LOUD.find(([pattern]) => pattern.test(text));
  return <div className={loud ? `log-line ${loud[1]}` : "log-line"}>{text || " "}</div>;
});
