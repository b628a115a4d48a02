/** A button for what cannot be taken back: it asks for a second click. */

import { useEffect, useState } from "react";

const ARMED_MS = 5_000;

interface Props {
  label: string;
  /** What it says once it has been clicked. */
  armed: string;
  onConfirm: () => void;
  disabled?: boolean;
  /** What it is about, for those who hear the page. */
  about?: string;
}

export function ArmedButton({ label, armed, onConfirm, disabled = false, about }: Props) {
  const [isArmed, setArmed] = useState(false);
  useEffect(() => {
    if (!isArmed) return;
    const timer = setTimeout(() => setArmed(false), ARMED_MS);
    return () => clearTimeout(timer);
  }, [isArmed]);
  const press = () => {
    if (isArmed) onConfirm();
    setArmed(!isArmed);
  };
  return (
    <button type="button" className={`button button-danger ${isArmed ? "armed" : ""}`} disabled={disabled} onClick={press}>
      <span aria-live="polite">{isArmed ? armed : label}</span>
      {about && <span className="visually-hidden">: {about}</span>}
    </button>
  );
}
