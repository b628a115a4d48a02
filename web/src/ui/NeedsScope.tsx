/** Says plainly that the key that is signed in may not do something, and who can help. */

import { useSession, type Scope } from "../session/useMay";

export function NeedsScope({ scope, what }: { scope: Scope; what: string }) {
  const session = useSession();
  return (
    <div className="notice notice-warn" role="note" data-testid="needs-scope">
      <strong>Your key may not {what}</strong>
      <p>
        This needs the scope <code>{scope}</code>; your key{" "}
        {session?.name && (
          <>
            “<span dir="auto">{session.name}</span>”{" "}
          </>
        )}
        holds {session?.scopes?.join(", ") || "none"}. Whoever administers this service can make another under Settings, Keys.
      </p>
    </div>
  );
}
