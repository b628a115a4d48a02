/** Stops a job; asks for a second click, since hours of work may hang on it. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { cancelJob, keys } from "../api/queries";
import type { JobDetail } from "../api/types";
import { isCancellable } from "../jobStates";

const ARMED_MS = 5_000;

export function CancelButton({ job }: { job: JobDetail }) {
  const client = useQueryClient();
  const [isArmed, setArmed] = useState(false);
  const cancel = useMutation({
    mutationFn: () => cancelJob(job.id),
    onSuccess: (answer) => client.setQueryData<JobDetail>(keys.detail(job.id), (known) => known && { ...known, ...answer }),
    onSettled: () => client.invalidateQueries({ queryKey: keys.job(job.id) }),
  });

  useEffect(() => {
    if (!isArmed) return;
    const timer = setTimeout(() => setArmed(false), ARMED_MS);
    return () => clearTimeout(timer);
  }, [isArmed]);

  if (!isCancellable(job.state)) return null;
  const press = () => {
    if (isArmed) cancel.mutate();
    setArmed(!isArmed);
  };
  return (
    <>
      {cancel.error && <span className="bad">{cancel.error.message}</span>}
      <button
        type="button"
        className={`button button-danger ${isArmed ? "armed" : ""}`}
        data-testid="job-cancel"
        data-armed={isArmed}
        disabled={cancel.isPending}
        onClick={press}
      >
        {isArmed ? "Click again to cancel" : "Cancel job"}
      </button>
    </>
  );
}
