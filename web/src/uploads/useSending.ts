/** One file on its way: how far it is, what became of it, and how to stop it. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { useSession } from "../session/useMay";
import { UPLOADS, type UploadKind } from "./queries";
import { sendFile, type Progress } from "./sendFile";

const DEFAULT_PROJECT = "default"; // where a key of all projects works

export function useSending() {
  const client = useQueryClient();
  const project = useSession()?.project ?? DEFAULT_PROJECT;
  const [progress, setProgress] = useState<Progress | null>(null);
  const running = useRef<AbortController | null>(null);
  const sending = useMutation({
    mutationFn: ({ file, kind }: { file: File; kind: UploadKind }) => {
      running.current = new AbortController();
      return sendFile({ file, kind, project }, setProgress, running.current.signal);
    },
    onSettled: () => {
      setProgress(null);
      return client.invalidateQueries({ queryKey: UPLOADS });
    },
  });
  useEffect(() => () => running.current?.abort(), []);
  const isStopped = sending.error instanceof DOMException && sending.error.name === "AbortError";
  return { ...sending, progress, isStopped, stop: () => running.current?.abort() };
}
