/** A secret that is shown this once. */

import { CopyButton } from "../ui/CopyButton";

export function Secret({ title, secret, hint, onDone }: { title: string; secret: string; hint: string; onDone: () => void }) {
  return (
    <div className="notice notice-good" role="status" data-testid="secret">
      <strong dir="auto">{title}</strong>
      <p>It is shown this once: copy it now. {hint}</p>
      <p className="secret-row">
        <input className="secret" readOnly value={secret} aria-label="Secret" onFocus={(event) => event.target.select()} />
        <CopyButton text={secret} label="Copy the secret" />
      </p>
      <button type="button" className="button" onClick={onDone}>
        I have copied it
      </button>
    </div>
  );
}
