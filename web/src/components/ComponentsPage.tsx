/** What a spec can name: methods, recipes, models, data sets; each has an address of its own. */

import { useQuery } from "@tanstack/react-query";

import { Link, useParam } from "../router";
import { Empty, Failure, Loading } from "../ui/Notice";
import { SearchField } from "../ui/SearchField";
import { useTitle } from "../ui/useTitle";
import { ComponentDetail } from "./ComponentDetail";
import { ComponentList } from "./ComponentList";
import { KINDS, listComponents, type Kind } from "./kinds";
import { componentsQuery } from "./queries";

/** `place` is what follows /components in the address: "", "/methods", "/methods/kd". */
export function ComponentsPage({ place }: { place: string }) {
  const [, kindName = "methods", key] = place.split("/");
  const kind = KINDS.find(({ name }) => name === kindName);
  const [text, setText] = useParam<string>("q", "");
  const catalog = useQuery(componentsQuery());
  useTitle(key ? `${key}, ${kind?.singular ?? "component"}` : (kind?.title ?? "Components"));
  if (!kind) {
    return (
      <Empty>
        There are no “{kindName}” here. <Link href="/components">See methods, recipes, models and data sets</Link>.
      </Empty>
    );
  }
  if (catalog.isPending) return <Loading what="the components" />;
  if (catalog.isError) return <Failure error={catalog.error} onRetry={() => void catalog.refetch()} />;
  if (key) return <ComponentDetail kind={kind} name={key} catalog={catalog.data} />;
  return (
    <>
      <div className="page-head">
        <h1>Components</h1>
        <nav className="segments" aria-label="Kinds of components">
          {KINDS.map(({ name, title }) => (
            <KindLink key={name} kind={name} title={title} count={listComponents(catalog.data, name, text).length} isHere={name === kind.name} text={text} />
          ))}
        </nav>
        <span className="spacer" />
        <SearchField label="Search in all of them" text={text} onText={setText} />
      </div>
      <p className="muted page-summary">{kind.about}</p>
      <ComponentList kind={kind} entries={listComponents(catalog.data, kind.name, text)} text={text} />
    </>
  );
}

function KindLink({ kind, title, count, isHere, text }: { kind: Kind; title: string; count: number; isHere: boolean; text: string }) {
  return (
    <Link href={`/components/${kind}${text ? `?q=${encodeURIComponent(text)}` : ""}`} aria-current={isHere ? "page" : undefined}>
      {title} <span className="count">{count}</span>
    </Link>
  );
}
