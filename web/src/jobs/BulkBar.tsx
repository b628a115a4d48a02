/** What can be done to the jobs that are chosen. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import type { Job } from "../api/types";
import { isCancellable } from "../jobStates";
import { Link } from "../router";
import { LabelPanel } from "./LabelPanel";
import { cancelOne, doToAll, refreshLists } from "./queries";

export const MOST_COMPARED = 50;

interface Props {
  ids: ReadonlySet<string>;
  jobs: readonly Job[];
  onClear: () => void;
}

export function BulkBar({ ids, jobs, onClear }: Props) {
  const [isLabelling, setLabelling] = useState(false);
  const chosen = jobs.filter(({ id }) => ids.has(id));
  const live = chosen.filter(({ state }) => isCancellable(state));
  if (chosen.length === 0) return null;
  return (
    <section className="bulk" aria-label="Chosen jobs">
      <div className="bulk-line">
        <strong role="status">
          {chosen.length} {chosen.length === 1 ? "job" : "jobs"} chosen
        </strong>
        <CompareLink chosen={chosen} />
        <button type="button" className="button" aria-expanded={isLabelling} onClick={() => setLabelling(!isLabelling)}>
          Labels
        </button>
        <CancelAll key={live.map(({ id }) => id).join()} live={live} />
        <button type="button" className="text-button" onClick={onClear}>
          choose none
        </button>
      </div>
      {isLabelling && <LabelPanel jobs={chosen} />}
    </section>
  );
}

function CompareLink({ chosen }: { chosen: readonly Job[] }) {
  if (chosen.length > MOST_COMPARED) return <span className="muted">{MOST_COMPARED} jobs at most can be compared</span>;
  return (
    <Link className="button button-primary" href={`/compare?ids=${chosen.map(({ id }) => id).join(",")}`}>
      Compare
    </Link>
  );
}

/** Asks once more before it does what cannot be taken back. */
function CancelAll({ live }: { live: readonly Job[] }) {
  const client = useQueryClient();
  const [isArmed, setArmed] = useState(false);
  const cancel = useMutation({
    mutationFn: () => doToAll(live.map(({ id }) => id), cancelOne),
    onSettled: async () => {
      setArmed(false);
      await refreshLists(client);
    },
  });
  if (live.length === 0) return null;
  const failed = cancel.data?.[0];
  return (
    <>
      <button
        type="button"
        className={`button button-danger${isArmed ? " armed" : ""}`}
        disabled={cancel.isPending}
        onBlur={() => setArmed(false)}
        onClick={() => (isArmed ? cancel.mutate() : setArmed(true))}
      >
        {cancel.isPending ? "Cancelling…" : isArmed ? `Really cancel ${live.length}?` : `Cancel ${live.length}`}
      </button>
      {failed && (
        <span className="bad" role="alert">
          {cancel.data!.length} could not be cancelled: {failed.error.message}
        </span>
      )}
    </>
  );
}
