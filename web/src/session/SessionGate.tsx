/** Lets pages through to who is signed in, and asks everybody else for a key. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, type ReactNode } from "react";

import { ApiError } from "../api/client";
import { Failure, Loading } from "../ui/Notice";
import { enter } from "./session";
import { SignInPage } from "./SignInPage";

const SESSION = ["session"] as const;

export function SessionGate({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery({ queryKey: SESSION, queryFn: enter, staleTime: Infinity });
  useEffect(
    () =>
      client.getQueryCache().subscribe(({ query }) => {
        const isOver = query.state.error instanceof ApiError && query.state.error.status === 401;
        if (isOver && query.queryKey[0] !== SESSION[0]) void client.invalidateQueries({ queryKey: SESSION });
      }),
    [client],
  );
  if (data?.key_id) return children;
  if (data || isRefused(error)) {
    return <SignInPage isWrong={isRefused(error)} onSignedIn={(session) => client.setQueryData(SESSION, session)} />;
  }
  return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Loading what="the dashboard" />;
}

/** Whether the key of the address was not valid. */
function isRefused(error: Error | null): boolean {
  return error instanceof ApiError && error.status === 401;
}
