/** What a spec can name, and the schema that it is checked with; both change with the server's version alone. */

import { queryOptions } from "@tanstack/react-query";

import { getJson } from "../api/client";
import type { components } from "../api/schema";
import type { Schema } from "./schema";

type Schemas = components["schemas"];

export type Catalog = Schemas["Catalog"];
export type MethodEntry = Schemas["MethodEntry"];
export type ModelEntry = Schemas["ModelEntry"];
export type DatasetEntry = Schemas["DatasetEntry"];
export type RecipeEntry = Schemas["RecipeEntry"];

export function componentsQuery() {
  return queryOptions({
    queryKey: ["components"],
    queryFn: ({ signal }) => getJson<Catalog>("/v1/components", {}, signal),
    staleTime: Infinity,
  });
}

export function schemaQuery() {
  return queryOptions({
    queryKey: ["spec-schema"],
    queryFn: ({ signal }) => getJson<Schema>("/v1/specs/schema", {}, signal),
    staleTime: Infinity,
  });
}
