/** A plain text field with line numbers, some of them marked. */

import { useImperativeHandle, useRef, type KeyboardEvent, type Ref } from "react";

export interface EditorHandle {
  /** Bring a line into view and select it. */
  showLine(line: number): void;
}

interface Props {
  ref: Ref<EditorHandle>;
  text: string;
  onText: (text: string) => void;
  onSubmit: () => void;
  marked: ReadonlySet<number>;
}

export function SpecEditor({ ref, text, onText, onSubmit, marked }: Props) {
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  const lines = text.split("\n");
  useImperativeHandle(ref, () => ({ showLine: (line) => area.current && showLine(area.current, lines, line) }));
  const submitOnEnter = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) onSubmit();
  };
  return (
    <div className="editor">
      <div className="editor-gutter" ref={gutter} aria-hidden="true">
        {lines.map((_, index) => (
          <span key={index} className={marked.has(index) ? "marked" : undefined}>
            {index + 1}
          </span>
        ))}
      </div>
      <textarea
        ref={area}
        data-testid="spec-input"
        aria-label="Experiment spec, YAML or JSON"
        aria-describedby="spec-problems"
        wrap="off"
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        value={text}
        onChange={(event) => onText(event.target.value)}
        onKeyDown={submitOnEnter}
        onScroll={(event) => gutter.current?.scrollTo(0, event.currentTarget.scrollTop)}
      />
    </div>
  );
}

function showLine(area: HTMLTextAreaElement, lines: readonly string[], line: number): void {
  const start = lines.slice(0, line).reduce((sum, each) => sum + each.length + 1, 0);
  area.focus();
  area.setSelectionRange(start, start + (lines[line]?.length ?? 0));
  area.scrollTop = (line / lines.length) * area.scrollHeight - area.clientHeight / 3;
}
