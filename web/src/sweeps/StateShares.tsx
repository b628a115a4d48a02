/** How the trials of a sweep are spread over the states: a bar, and the same in words. */

import { JOB_STATES } from "../jobStates";

export function StateShares({ states }: { states: Readonly<Record<string, number>> }) {
  const found = JOB_STATES.filter((state) => states[state]);
  const words = found.map((state) => `${states[state]} ${state}`).join(", ");
  return (
    <div className="state-shares" data-testid="sweep-states">
      <div className="state-bar" aria-hidden="true">
        {found.map((state) => (
          <span key={state} className={`share-${state}`} style={{ flexGrow: states[state] }} />
        ))}
      </div>
      <span>{words || "no trial is left"}</span>
    </div>
  );
}
