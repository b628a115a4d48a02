/** The best jobs by a metric. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query";

import { getJson } from "../api/client";
import { keys } from "../api/queries";
import type { components } from "../api/schema";
import type { Job } from "../api/types";

type Schemas = components["schemas"];

export interface Leader extends Omit<Schemas["LeaderView"], "job"> {
  job: Job;
}

export interface Leaderboard extends Omit<Schemas["LeaderboardView"], "data"> {
  data: Leader[];
}

export interface BoardView {
  metric: string;
  dataset: string;
  limit: string;
}

export function leaderboardQuery({ metric, dataset, limit }: BoardView) {
  return queryOptions({
    queryKey: [...keys.lists, "leaderboard", metric, dataset, limit],
    queryFn: ({ signal }) => getJson<Leaderboard>("/v1/leaderboard", { metric, dataset, limit }, signal),
    placeholderData: keepPreviousData,
  });
}
