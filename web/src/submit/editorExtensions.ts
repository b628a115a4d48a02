/** What the editor can do: colours of the theme, completion, underlined problems, Ctrl-Enter. */

import type { CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { EditorState, Prec, type Extension } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { basicSetup } from "codemirror";

import type { SpecProblem } from "../api/types";
import { findCursorPlace } from "./cursorPlace";
import { suggestKeys, suggestValues, type Known } from "./specPlaces";
import { findRange, readSpec } from "./specText";

interface Wishes {
  onText: (text: string) => void;
  onSubmit: () => void;
  getKnown: () => Known | null;
}

export function makeExtensions({ onText, onSubmit, getKnown }: Wishes): Extension[] {
  const offered = [{ autocomplete: (context: CompletionContext) => complete(context, getKnown()) }]; // one for all: it is known by its identity
  return [
    Prec.highest(keymap.of([{ key: "Mod-Enter", run: () => (onSubmit(), true) }])),
    basicSetup,
    yaml(),
    syntaxHighlighting(COLOURS),
    lintGutter(),
    LOOK,
    EditorState.tabSize.of(2),
    EditorState.languageData.of(() => offered),
    EditorView.contentAttributes.of({
      "data-testid": "spec-input",
      tabindex: "0",
      "aria-label": "Experiment spec, YAML or JSON",
      autocapitalize: "off",
      spellcheck: "false",
    }),
    EditorView.domEventHandlers({ beforeinput: insertText }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) onText(update.state.doc.toString());
    }),
  ];
}

/**
 * Lines that arrive at once, as from a tool or a keyboard's snippets, and what takes the place of other text are put in here:
 * the browser would style them inline. Brackets and quotes are left to the editor, which puts them around what is selected.
 */
function insertText(event: InputEvent, view: EditorView): boolean {
  if (event.inputType !== "insertText" || !event.data) return false;
  const [range] = event.getTargetRanges();
  const isPlain = view.state.selection.main.empty || /^["'([{]$/.test(event.data);
  if (isPlain && !event.data.includes("\n")) return false;
  const { from, to } = view.state.selection.main;
  const start = range ? view.posAtDOM(range.startContainer, range.startOffset) : from;
  const end = range ? view.posAtDOM(range.endContainer, range.endOffset) : to;
  event.preventDefault();
  view.dispatch({ changes: { from: start, to: end, insert: event.data }, selection: { anchor: start + event.data.length } });
  return true;
}

function complete(context: CompletionContext, known: Known | null): CompletionResult | null {
  const text = context.state.doc.toString();
  const place = known && findCursorPlace(text, context.pos);
  if (!known || !place || (!context.explicit && place.kind === "key" && place.from === context.pos)) return null;
  const data = readSpec(text).data ?? readSpec(text.slice(0, context.state.doc.lineAt(context.pos).from)).data;
  const found = place.kind === "key" ? suggestKeys(known, place.path, data) : suggestValues(known, place.path, data);
  if (found.length === 0) return null;
  const suffix = place.kind === "key" ? ": " : "";
  return {
    from: place.from,
    options: found.map(({ name, detail }) => ({ label: name, apply: name + suffix, info: detail, type: place.kind === "key" ? "property" : "constant" })),
    validFor: /^[\w.-]*$/,
  };
}

/** Underline each problem where its pointer leads; what has no place of its own stands at the first line. */
export function showProblems(view: EditorView, problems: readonly SpecProblem[]): void {
  const text = view.state.doc.toString();
  const unreadable = readSpec(text).error;
  const diagnostics = problems.map((problem): Diagnostic => {
    const range = (problem.pointer === "" ? unreadable : null) ?? findRange(text, problem.pointer) ?? { from: 0, to: 0 };
    const from = Math.min(range.from, text.length);
    const hint = problem.nearest.length > 0 ? `; did you mean ${problem.nearest.join(", ")}?` : "";
    return { from, to: Math.min(Math.max(range.to, from), text.length), severity: "error", message: problem.message + hint };
  });
  view.dispatch(setDiagnostics(view.state, diagnostics));
}

const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--busy)" },
  { tag: [tags.string, tags.special(tags.string), tags.content], color: "var(--text)" },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: "var(--good)" },
  { tag: [tags.lineComment, tags.comment, tags.meta], color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.punctuation, tags.separator, tags.brace, tags.squareBracket], color: "var(--muted)" },
  { tag: [tags.labelName, tags.typeName], color: "var(--wait)" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

const LOOK = EditorView.theme({
  "&": { height: "100%", color: "var(--text)", backgroundColor: "var(--surface)", fontSize: "13px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6" },
  ".cm-content": { padding: "10px 0 40px", caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--muted)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent-soft) 45%, transparent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--focus) 28%, transparent)",
  },
  ".cm-selectionMatch": { backgroundColor: "var(--accent-soft)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-soft)", outline: "1px solid var(--line-strong)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--sunken)", borderColor: "var(--line)", color: "var(--muted)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad)", textUnderlineOffset: "3px" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
  ".cm-tooltip, .cm-panels": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--line-strong)" },
  ".cm-tooltip": { borderRadius: "8px", boxShadow: "var(--shadow)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "12.5px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--accent-text)" },
  ".cm-completionInfo": { maxWidth: "320px", padding: "8px 10px", fontFamily: "var(--sans)" },
  ".cm-panels input, .cm-panels button": { backgroundColor: "var(--surface)", backgroundImage: "none", color: "var(--text)" },
});
