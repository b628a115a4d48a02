/** CodeMirror inside a shadow root: there its styles are adopted sheets, which the content security policy allows. */

import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { useEffect, useImperativeHandle, useRef, type Ref } from "react";

import type { SpecProblem } from "../api/types";
import { makeExtensions, showProblems } from "./editorExtensions";
import type { Known } from "./specPlaces";
import { findRange } from "./specText";

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

export function CodeEditor({ ref, text, onText, onSubmit, problems, known }: EditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const latest = useRef({ onText, onSubmit, known });
  useEffect(() => {
    latest.current = { onText, onSubmit, known };
  });

  useEffect(() => {
    if (!host.current) return;
    const root = host.current.shadowRoot ?? host.current.attachShadow({ mode: "open" });
    const made = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        extensions: makeExtensions({
          onText: (written) => latest.current.onText(written),
          onSubmit: () => latest.current.onSubmit(),
          getKnown: () => latest.current.known,
        }),
      }),
    });
    view.current = made;
    return () => {
      view.current = null;
      made.destroy();
    };
  }, []);

  useEffect(() => {
    if (view.current) replaceText(view.current, text);
  }, [text]);

  useEffect(() => {
    if (view.current) showProblems(view.current, problems);
  }, [problems, text]);

  useImperativeHandle(ref, () => ({
    show: (pointer) => {
      const made = view.current;
      if (!made) return;
      const range = findRange(made.state.doc.toString(), pointer) ?? { from: 0, to: 0 };
      made.dispatch({ selection: { anchor: range.from, head: range.to }, effects: EditorView.scrollIntoView(range.from, { y: "center" }) });
      made.focus();
    },
  }));
  return <div className="editor" ref={host} data-testid="spec-editor" />;
}

/** Change only what differs, so that the cursor and the folds stay where they are. */
function replaceText(view: EditorView, text: string): void {
  const old = view.state.doc.toString();
  if (old === text) return;
  let start = 0;
  while (start < old.length && start < text.length && old[start] === text[start]) start++;
  let end = 0;
  while (end < old.length - start && end < text.length - start && old[old.length - 1 - end] === text[text.length - 1 - end]) end++;
  view.dispatch({ changes: { from: start, to: old.length - end, insert: text.slice(start, text.length - end) } });
}
