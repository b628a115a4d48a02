/** A table that may be wider than the page: it scrolls sideways in a frame of its own, with the keys too. */

import type { ReactNode, Ref } from "react";

interface Props {
  /** What the table holds, for those who do not see it. */
  label: string;
  children: ReactNode;
  /** Without lines around it, as inside a card. */
  isPlain?: boolean;
  /** Further class. */
  kind?: string;
  /** Whether what it shows is being replaced. */
  isOld?: boolean;
  ref?: Ref<HTMLDivElement>;
  testId?: string;
}

export function TableFrame({ label, children, isPlain = false, kind, isOld, ref, testId }: Props) {
  const frame = isPlain ? "plain-frame" : "table-frame";
  return (
    <div className={kind ? `${frame} ${kind}` : frame} role="region" aria-label={label} tabIndex={0} aria-busy={isOld} ref={ref} data-testid={testId}>
      {children}
    </div>
  );
}
