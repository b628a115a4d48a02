/** The frame around every page, and which page an address shows. */

import { useEffect, useRef } from "react";

import { JobPage } from "./job/JobPage";
import { JobsPage } from "./jobs/JobsPage";
import { StreamMark } from "./live/StreamMark";
import { Link, usePath } from "./router";
import { signOut } from "./session/session";
import { NewJobPage } from "./submit/NewJobPage";
import { Icon } from "./ui/Icon";
import { Empty } from "./ui/Notice";

export function App() {
  const path = usePath();
  const main = useFocusAtNavigation(path);
  return (
    <>
      <a className="skip-link" href="#main">
        Skip to content
      </a>
      <header className="top">
        <Link className="brand" href="/">
          <img src="/favicon.svg" alt="" width="28" height="28" />
          Stillhouse
        </Link>
        <span className="spacer" />
        <StreamMark />
        <Link className="button button-primary" href="/jobs/new">
          <Icon name="plus" />
          New job
        </Link>
        <button type="button" className="button" onClick={() => void signOut()}>
          Sign out
        </button>
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        <Page path={path} />
      </main>
    </>
  );
}

function Page({ path }: { path: string }) {
  if (path === "/") return <JobsPage />;
  if (path === "/jobs/new") return <NewJobPage />;
  const id = /^\/jobs\/(job_[0-9A-Z]+)$/.exec(path)?.[1];
  if (id) return <JobPage key={id} id={id} />;
  return (
    <Empty>
      Nothing lives at <code>{path}</code>. <Link href="/">See all jobs</Link>.
    </Empty>
  );
}

/** A new page takes the focus, as a page that the browser loads would. */
function useFocusAtNavigation(path: string) {
  const main = useRef<HTMLElement>(null);
  const shown = useRef(path);
  useEffect(() => {
    if (shown.current === path) return;
    shown.current = path;
    main.current?.focus({ preventScroll: true });
  }, [path]);
  return main;
}
