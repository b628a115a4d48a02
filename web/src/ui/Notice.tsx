/** What stands where data should be: nothing yet, loading, or a problem and a way to try again. */

import type { ReactNode } from "react";

import { ApiError } from "../api/client";

export function Empty({ children }: { children: ReactNode }) {
  return <p className="empty">{children}</p>;
}

export function Loading({ what }: { what: string }) {
  return (
    <p className="empty loading" role="status">
      Loading {what}…
    </p>
  );
}

export function Failure({ error, onRetry }: { error: Error; onRetry?: () => void }) {
  const title = error instanceof ApiError ? error.problem.title : "Something went wrong.";
  return (
    <div className="notice notice-bad" role="alert">
      <strong>{title}</strong>
      {error.message !== title && <p>{error.message}</p>}
      {onRetry && (
        <button type="button" className="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}
