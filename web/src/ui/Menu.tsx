/** A button that opens a panel beside it; Escape and a click elsewhere close it. */

import { useEffect, useId, useRef, useState, type ReactNode } from "react";

interface Props {
  label: ReactNode;
  /** Name for those who do not see the panel. */
  title: string;
  children: (close: () => void) => ReactNode;
}

export function Menu({ label, title, children }: Props) {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  const frame = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  useEffect(() => {
    if (!isOpen) return;
    const leave = (event: Event) => {
      if (event.target instanceof Node && !frame.current?.contains(event.target)) setOpen(false);
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      setOpen(false);
      button.current?.focus();
    };
    document.addEventListener("pointerdown", leave);
    document.addEventListener("keydown", escape); // what had the focus may be gone from the panel
    return () => {
      document.removeEventListener("pointerdown", leave);
      document.removeEventListener("keydown", escape);
    };
  }, [isOpen]);
  return (
    <div className="menu" ref={frame}>
      <button type="button" className="button" ref={button} aria-expanded={isOpen} aria-controls={id} onClick={() => setOpen(!isOpen)}>
        {label}
      </button>
      {isOpen && (
        <div className="menu-panel" id={id} role="group" aria-label={title}>
          {children(close)}
        </div>
      )}
    </div>
  );
}
