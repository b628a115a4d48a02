/** Asks for a key. */

import { useState, type FormEvent } from "react";

import type { Session } from "../api/types";
import { useTitle } from "../ui/useTitle";
import { signIn } from "./session";

interface Props {
  isWrong: boolean;
  onSignedIn: (session: Session) => void;
}

export function SignInPage({ isWrong, onSignedIn }: Props) {
  useTitle("Sign in");
  const [key, setKey] = useState("");
  const [message, setMessage] = useState(isWrong ? "The key of this address is not valid any more." : "");
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      onSignedIn(await signIn(key.trim()));
    } catch (error) {
      setMessage(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <main className="sign-in">
      <img src="/favicon.svg" alt="" width="72" height="72" />
      <h1>Stillhouse</h1>
      <form onSubmit={(event) => void submit(event)}>
        <label htmlFor="key">API key</label>
        <input
          id="key"
          type="password"
          autoComplete="current-password"
          placeholder="sh_…"
          required
          autoFocus
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
        <button type="submit" className="button button-primary">
          Sign in
        </button>
        {message && (
          <p className="notice notice-bad" role="alert">
            {message}
          </p>
        )}
      </form>
      <p>
        <code>stillhouse up</code> prints an address that signs in by itself. On the server's host the key lies in the file{" "}
        <code>~/.stillhouse/key</code>; <code>stillhouse key create</code> makes more.
      </p>
    </main>
  );
}
