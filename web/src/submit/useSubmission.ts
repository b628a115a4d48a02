/** Submits what is written, and its control where that is wanted. */

import { useMutation } from "@tanstack/react-query";
import { useRef, useState } from "react";

import { ApiError } from "../api/client";
import { submitSpec, validateSpec } from "../api/queries";
import type { Job } from "../api/types";
import { navigate } from "../router";
import { drawKey } from "./drawKey";
import { CONTROL_LABEL, makeControl } from "./makeControl";
import { submitData } from "./queries";

const NAME_LENGTH = 200;

/** Submitting the same text twice makes one job: the keys change with the text only. */
export function useSubmission(text: string, withControl: boolean) {
  const sent = useRef({ text: "", key: "", controlKey: "" });
  const [isGone, setGone] = useState(false);
  const mutation = useMutation({
    mutationFn: async () => {
      if (sent.current.text !== text) sent.current = { text, key: drawKey(), controlKey: drawKey() };
      const job = await submitSpec(text, sent.current.key);
      if (withControl) await submitControl(job, text, sent.current.controlKey);
      return job;
    },
    onSuccess: (job) => {
      setGone(true);
      navigate(`/jobs/${job.id}`);
    },
  });
  const isSubmitting = mutation.isPending || isGone;
  return { submit: () => !isSubmitting && mutation.mutate(), error: mutation.error, isSubmitting };
}

async function submitControl(job: Job, text: string, key: string): Promise<Job> {
  const resolved = (await validateSpec(text)).resolved_spec;
  const control = resolved && makeControl(resolved, `${job.name.slice(0, NAME_LENGTH)} (control)`);
  if (!control) throw refuse(job, "no stage of it has a teacher");
  try {
    return await submitData(control, { [CONTROL_LABEL]: job.id }, key);
  } catch (error) {
    throw refuse(job, error instanceof Error ? error.message : String(error));
  }
}

function refuse(job: Job, reason: string): ApiError {
  const detail = `${job.id} is submitted; its control is not: ${reason}. Take away the tick and submit again to go to the job.`;
  return new ApiError(409, { title: "The control was not submitted.", status: 409, code: "control_refused", detail });
}
