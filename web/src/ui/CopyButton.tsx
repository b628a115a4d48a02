/** Copies a text; absent where the browser has no clipboard (plain http on a LAN name). */

import { useState } from "react";

import { Icon } from "./Icon";

const SHOWN_MS = 1_500;

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [isCopied, setCopied] = useState(false);
  if (!("clipboard" in navigator)) return null;
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), SHOWN_MS);
  };
  return (
    <button type="button" className="icon-button" aria-label={label} title={label} onClick={() => void copy()}>
      <Icon name={isCopied ? "succeeded" : "copy"} />
    </button>
  );
}
