/** Who is signed in: a key is shown once, a cookie that no script can read stands for it afterwards. */

import { getJson, request, setCsrfToken } from "../api/client";
import type { Session } from "../api/types";

const TOKEN = /^#token=([\w-]+)$/;

/** Return who is signed in; an address that ends in `#token=KEY` signs in, and forgets the key at once. */
export async function enter(): Promise<Session> {
  const key = TOKEN.exec(location.hash)?.[1];
  if (key) {
    history.replaceState(null, "", location.pathname + location.search);
    return signIn(key);
  }
  return remember(await getJson<Session>("/v1/session"));
}

export async function signIn(key: string): Promise<Session> {
  const body = JSON.stringify({ key });
  const response = await request("/v1/session", { method: "POST", body, headers: { "Content-Type": "application/json" } });
  return remember((await response.json()) as Session);
}

export async function signOut(): Promise<void> {
  await request("/v1/session", { method: "DELETE" });
  location.assign("/");
}

function remember(session: Session): Session {
  setCsrfToken(session.csrf_token ?? null);
  return session;
}
