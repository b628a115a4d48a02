/** The editor of specs; its code is large, and is fetched while the page stands already. */

import { lazy, Suspense } from "react";

import { Loading } from "../ui/Notice";
import type { EditorProps } from "./CodeEditor";

const CodeEditor = lazy(async () => ({ default: (await import("./CodeEditor")).CodeEditor }));

export function SpecEditor(props: EditorProps) {
  return (
    <Suspense fallback={<Loading what="the editor" />}>
      <CodeEditor {...props} />
    </Suspense>
  );
}
