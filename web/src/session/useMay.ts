/** What the key that is signed in may do. */

import { useQuery } from "@tanstack/react-query";

import type { components } from "../api/schema";
import type { Session } from "../api/types";
import { enter } from "./session";

export type Scope = components["schemas"]["Scope"];

export function useSession(): Session | undefined {
  return useQuery({ queryKey: ["session"], queryFn: enter, staleTime: Infinity, retry: false }).data;
}

/** Whether the key holds a scope; true as long as nobody knows, since the server has the last word. */
export function useMay(scope: Scope): boolean {
  const scopes = useSession()?.scopes;
  return !scopes || scopes.includes(scope) || scopes.includes("admin");
}
