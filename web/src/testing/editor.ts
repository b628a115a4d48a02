/** The editor of a page: it lives in a shadow root, where ordinary queries do not look. */

import { EditorView } from "@codemirror/view";
import { act, screen, waitFor } from "@testing-library/react";

const PATIENCE_MS = 5_000; // its code is large

export async function findEditor(): Promise<EditorView> {
  const host = await screen.findByTestId("spec-editor", {}, { timeout: PATIENCE_MS });
  return waitFor(() => {
    const content = host.shadowRoot?.querySelector<HTMLElement>("[data-testid=spec-input]");
    const view = content && EditorView.findFromDOM(content);
    if (!view) throw new Error("the editor is not there yet");
    return view;
  });
}

export async function readEditor(): Promise<string> {
  return (await findEditor()).state.doc.toString();
}

export async function writeEditor(text: string): Promise<void> {
  const view = await findEditor();
  act(() => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }));
}
