/** Submits a sweep and leads to its page; the same order sent twice makes one sweep. */

import { useMutation } from "@tanstack/react-query";
import { useRef, useState } from "react";

import { navigate } from "../router";
import { submitSweep } from "../sweeps/queries";
import { drawKey } from "./drawKey";

export function useSweepSubmission(body: string | null) {
  const sent = useRef({ body: "", key: "" });
  const [isGone, setGone] = useState(false);
  const mutation = useMutation({
    mutationFn: (order: string) => {
      if (sent.current.body !== order) sent.current = { body: order, key: drawKey() };
      return submitSweep(order, sent.current.key);
    },
    onSuccess: ({ id }) => {
      setGone(true);
      navigate(`/sweeps/${id}`);
    },
  });
  const isSubmitting = mutation.isPending || isGone;
  return { submit: () => body !== null && !isSubmitting && mutation.mutate(body), error: mutation.error, isSubmitting };
}
