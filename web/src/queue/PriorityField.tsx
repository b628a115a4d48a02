/** The priority of a job that waits, changed in place. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";

import { QUEUE, setPriority, type QueueEntry } from "./queries";

const LIMIT = 1000;

export function PriorityField({ entry }: { entry: QueueEntry }) {
  const client = useQueryClient();
  const [typed, setTyped] = useState(String(entry.priority));
  const change = useMutation({
    mutationFn: (priority: number) => setPriority(entry.job_id, priority),
    onSettled: () => client.invalidateQueries({ queryKey: QUEUE }),
  });
  const priority = Number(typed);
  const isValid = typed.trim() !== "" && Number.isInteger(priority) && Math.abs(priority) <= LIMIT;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isValid) change.mutate(priority);
  };
  return (
    <form className="priority" onSubmit={submit}>
      <input
        type="number"
        min={-LIMIT}
        max={LIMIT}
        step={1}
        aria-label={`Priority of ${entry.name}`}
        aria-invalid={!isValid}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
      {typed !== String(entry.priority) && (
        <button type="submit" className="button" disabled={!isValid || change.isPending}>
          Set
        </button>
      )}
      {!isValid && <span className="bad small">a whole number from −{LIMIT} to {LIMIT}</span>}
      {change.error && <span className="bad small">{change.error.message}</span>}
    </form>
  );
}
