/** The editor of specs; its code is large, and is fetched while the page stands already. */

import { lazy, Suspense, type Ref } from "react";

import type { SpecProblem } from "../api/types";
import { Loading } from "../ui/Notice";
import type { Known } from "./specPlaces";

const CodeEditor = lazy(async () => ({ default: (await import("./CodeEditor")).CodeEditor }));

export interface EditorHandle {
  /** Bring the place of a pointer into view and select it. */
  show(pointer: string): void;
}

export interface EditorProps {
  ref: Ref<EditorHandle>;
  text: string;
  onText: (text: string) => void;
  onSubmit: () => void;
  problems: readonly SpecProblem[];
  known: Known | null;
}

export function SpecEditor(props: EditorProps) {
  return (
    <Suspense fallback={<Loading what="the editor" />}>
      <CodeEditor {...props} />
    </Suspense>
  );
}
