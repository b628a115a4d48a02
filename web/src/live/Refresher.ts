/** Turns hints into refetches: gathered, at most one round a second, fewer where answers are slow, never two at once. */

import type { QueryClient, QueryKey } from "@tanstack/react-query";

import { keys } from "../api/queries";
import type { Hint } from "../api/types";

const PAUSE_MS = 1_000;

/** Gathers hints while a round runs or the page is hidden; nothing is lost, and a slow server is not flooded. */
export class Refresher {
  private readonly stale = new Map<string, QueryKey>();
  private isRunning = false;

  constructor(
    private readonly client: QueryClient,
    private readonly pauseMs: number = PAUSE_MS,
  ) {}

  add(hint: Hint): void {
    for (const key of chooseKeys(hint)) this.stale.set(JSON.stringify(key), key);
    void this.run();
  }

  /** Ask for everything that is shown again: hints may have been missed. */
  async refreshAll(): Promise<void> {
    const all = [keys.lists, keys.jobs];
    await Promise.all(all.map((queryKey) => this.refetch(queryKey)));
  }

  /** Ask again; a first answer that is still under way may be older than the hint, and is waited for. */
  private async refetch(queryKey: QueryKey): Promise<void> {
    const first = this.client.getQueryCache().findAll({ queryKey, fetchStatus: "fetching" });
    await Promise.allSettled(first.filter(({ state }) => state.data === undefined).map(({ promise }) => promise));
    await this.client.invalidateQueries({ queryKey });
  }

  /** Refetch what has gathered; called again when a hidden page is shown. */
  async run(): Promise<void> {
    if (this.isRunning) return;
    this.isRunning = true;
    while (this.stale.size > 0 && !document.hidden) {
      const start = performance.now();
      const round = [...this.stale.values()];
      this.stale.clear();
      await Promise.all(round.map((queryKey) => this.refetch(queryKey)));
      const pauseMs = Math.max(this.pauseMs, performance.now() - start);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    this.isRunning = false;
  }
}

/** Return the queries that a hint makes stale; the job itself carries its progress, so it always is. */
export function chooseKeys({ job_id: id, kind }: Hint): QueryKey[] {
  switch (kind) {
    case "event":
      return [keys.lists, keys.detail(id), keys.events(id), keys.artifacts(id)];
    case "metrics":
      return [keys.lists, keys.detail(id), keys.metrics(id)];
    case "log":
      return [keys.log(id)];
  }
}
