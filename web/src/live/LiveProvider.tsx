/** Keeps the query cache fresh: by hints while the stream is live, by asking again and again while it is not. */

import { useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useState, type ReactNode } from "react";

import { connect } from "./connect";
import { Refresher } from "./Refresher";

/** connecting: not heard of yet; stale: it was lost, what is shown may be old. */
export type StreamState = "connecting" | "live" | "stale";

const POLL_STALE_MS = 3_000;
const POLL_LIVE_MS = 10_000;
const PATIENCE_MS = 3_000;

const StreamContext = createContext<StreamState>("connecting");

export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [state, setState] = useState<StreamState>("connecting");

  useEffect(() => {
    const refresher = new Refresher(client);
    let wasLive = false;
    const patience = setTimeout(() => setState((known) => (known === "connecting" ? "stale" : known)), PATIENCE_MS);
    const disconnect = connect({
      onHint: (hint) => refresher.add(hint),
      onLive: (isLive) => {
        setState((known) => (isLive ? "live" : known === "connecting" ? known : "stale"));
        if (isLive && wasLive) void refresher.refreshAll();
        wasLive ||= isLive;
      },
    });
    const onVisible = () => void refresher.run();
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      clearTimeout(patience);
      document.removeEventListener("visibilitychange", onVisible);
      disconnect();
    };
  }, [client]);

  return <StreamContext value={state}>{children}</StreamContext>;
}

export function useStreamState(): StreamState {
  return useContext(StreamContext);
}

/** Return how often to ask without being told: often while the stream is lost, now and then to be safe. */
export function usePollInterval(isFinal = false): number | false {
  const state = useStreamState();
  if (isFinal) return false;
  return state === "stale" ? POLL_STALE_MS : POLL_LIVE_MS;
}
