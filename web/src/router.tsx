/** Addresses: a page is a path, what is shown on it is in the query. */

import { useCallback, useMemo, useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent } from "react";

const CHANGED = "stillhouse:navigated";

function subscribe(onChange: () => void): () => void {
  addEventListener("popstate", onChange);
  addEventListener(CHANGED, onChange);
  return () => {
    removeEventListener("popstate", onChange);
    removeEventListener(CHANGED, onChange);
  };
}

/** Go to another page of the dashboard; `replace` changes the address without a step in the history. */
export function navigate(to: string, { replace = false } = {}): void {
  history[replace ? "replaceState" : "pushState"](null, "", to);
  dispatchEvent(new Event(CHANGED));
  if (!replace) scrollTo(0, 0);
}

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname);
}

/** One value of the query, and how to change it; a value equal to `fallback` is left out of the address. */
export function useParam<T extends string>(name: string, fallback: T): [T, (value: T) => void] {
  const search = useSyncExternalStore(subscribe, () => location.search);
  const value = (new URLSearchParams(search).get(name) ?? fallback) as T;
  const change = useCallback(
    (next: T) => {
      const params = new URLSearchParams(location.search);
      if (next === fallback) params.delete(name);
      else params.set(name, next);
      const query = params.toString();
      navigate(location.pathname + (query ? `?${query}` : ""), { replace: true });
    },
    [name, fallback],
  );
  return [value, change];
}

/** All values of the query, and how to change some of them; empty ones are left out of the address. */
export function useParams(): [URLSearchParams, (changes: Record<string, string>) => void] {
  const search = useSyncExternalStore(subscribe, () => location.search);
  const params = useMemo(() => new URLSearchParams(search), [search]);
  const change = useCallback((changes: Record<string, string>) => {
    const next = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    const query = next.toString();
    navigate(location.pathname + (query ? `?${query}` : ""), { replace: true });
  }, []);
  return [params, change];
}

/** An ordinary link that stays inside the page when it is plainly clicked. */
export function Link({ href, onClick, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(href);
  };
  return <a href={href} onClick={follow} {...rest} />;
}
