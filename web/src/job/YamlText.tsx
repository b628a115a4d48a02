/** YAML with its keys in colour. */

import { Fragment } from "react";

const KEY = /^(\s*(?:- )*)([^\s#:][^:]*)(:)(?=\s|$)/;

export function YamlText({ text }: { text: string }) {
  return (
    <code>
      {text.split("\n").map((line, index) => (
        <Fragment key={index}>
          {index > 0 && "\n"}
          <Line text={line} />
        </Fragment>
      ))}
    </code>
  );
}

function Line({ text }: { text: string }) {
  const found = KEY.exec(text);
  if (!found) return text;
  return (
    <>
      {found[1]}
      <span className="json-key">{found[2]}</span>
      {text.slice((found[1] ?? "").length + (found[2] ?? "").length)}
    </>
  );
}
