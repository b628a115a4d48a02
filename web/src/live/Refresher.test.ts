import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, expect, test, vi } from "vitest";

import { keys } from "../api/queries";
import type { Hint } from "../api/types";
import { Refresher } from "./Refresher";

const PAUSE_MS = 20;
const hint = (kind: Hint["kind"], job_id = "job_1"): Hint => ({ job_id, kind, cursor: 1 });
const stops: (() => void)[] = [];

/** Watch a query as a page does; returns how often it was asked. */
function watch(client: QueryClient, queryKey: readonly unknown[], answer: () => unknown = () => 1) {
  const queryFn = vi.fn(answer);
  stops.push(new QueryObserver(client, { queryKey, queryFn, staleTime: Infinity }).subscribe(() => {}));
  return queryFn;
}

afterEach(() => stops.splice(0).forEach((stop) => stop()));

test("a hint asks again for what it speaks of, and for nothing else", async () => {
  const client = new QueryClient();
  const [log, detail, other] = [keys.log("job_1"), keys.detail("job_1"), keys.log("job_2")].map((key) => watch(client, key));
  new Refresher(client, PAUSE_MS).add(hint("log"));
  await vi.waitFor(() => expect(log).toHaveBeenCalledTimes(2));
  expect(detail).toHaveBeenCalledTimes(1);
  expect(other).toHaveBeenCalledTimes(1);
});

test("a flood of hints makes two rounds, one at once and one for the rest", async () => {
  const client = new QueryClient();
  const log = watch(client, keys.log("job_1"));
  const refresher = new Refresher(client, PAUSE_MS);
  for (let count = 0; count < 100; count++) refresher.add(hint("log"));
  await vi.waitFor(() => expect(log).toHaveBeenCalledTimes(3));
  await new Promise((resolve) => setTimeout(resolve, 3 * PAUSE_MS));
  expect(log).toHaveBeenCalledTimes(3);
});

test("a hint that comes while the first answer is under way is asked for after it", async () => {
  const client = new QueryClient();
  const releases: (() => void)[] = [];
  const log = watch(client, keys.log("job_1"), () => new Promise((resolve) => releases.push(() => resolve(1))));
  new Refresher(client, PAUSE_MS).add(hint("log"));
  await vi.waitFor(() => expect(releases).toHaveLength(1));
  releases[0]?.();
  await vi.waitFor(() => expect(log).toHaveBeenCalledTimes(2));
  releases[1]?.();
});
