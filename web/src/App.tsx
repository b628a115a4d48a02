/** The frame around every page. */

import { Suspense, useEffect, useRef } from "react";

import { StreamMark } from "./live/StreamMark";
import { findPage, isAt, PLACES } from "./pages";
import { Link, usePath } from "./router";
import { signOut } from "./session/session";
import { Icon } from "./ui/Icon";
import { Menu } from "./ui/Menu";
import { Empty, Loading } from "./ui/Notice";
import { ThemeChoice } from "./ui/ThemeChoice";

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
        <nav className="places" aria-label="Pages">
          {PLACES.map(({ href, title }) => (
            <Link key={href} href={href} aria-current={isAt(href, path) ? "page" : undefined}>
              {title}
            </Link>
          ))}
        </nav>
        <span className="spacer" />
        <StreamMark />
        <Menu label={<ThemeLabel />} title="Theme">
          {() => <ThemeChoice />}
        </Menu>
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

function ThemeLabel() {
  return (
    <>
      <Icon name="theme" />
      <span className="visually-hidden">Theme</span>
    </>
  );
}

function Page({ path }: { path: string }) {
  const page = findPage(path);
  if (page) return <Suspense fallback={<Loading what="the page" />}>{page}</Suspense>;
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
