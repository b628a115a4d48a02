/** Settings: keys, webhooks, projects, uploads, the audit, and how the page looks; each has an address of its own. */

import type { ReactNode } from "react";

import { Link } from "../router";
import { Empty } from "../ui/Notice";
import { useTitle } from "../ui/useTitle";
import { UploadsSection } from "../uploads/UploadsSection";
import { AppearanceSection } from "./AppearanceSection";
import { AuditSection } from "./AuditSection";
import { KeysSection } from "./KeysSection";
import { ProjectsSection } from "./ProjectsSection";
import { WebhooksSection } from "./WebhooksSection";

const SECTIONS: readonly { name: string; title: string; render: (rest: string) => ReactNode }[] = [
  { name: "keys", title: "Keys", render: () => <KeysSection /> },
  { name: "webhooks", title: "Webhooks", render: (id) => <WebhooksSection chosen={id} /> },
  { name: "projects", title: "Projects", render: () => <ProjectsSection /> },
  { name: "uploads", title: "Uploads", render: () => <UploadsSection /> },
  { name: "audit", title: "Audit", render: () => <AuditSection /> },
  { name: "appearance", title: "Appearance", render: () => <AppearanceSection /> },
];

/** `place` is what follows /settings in the address: "", "/webhooks", "/webhooks/wh_…". */
export function SettingsPage({ place }: { place: string }) {
  const [, name = "keys", rest = ""] = place.split("/");
  const section = SECTIONS.find((each) => each.name === name);
  useTitle(section ? `${section.title}, settings` : "Settings");
  return (
    <>
      <div className="page-head">
        <h1>Settings</h1>
      </div>
      <div className="settings">
        <nav className="settings-nav" aria-label="Settings">
          {SECTIONS.map((each) => (
            <Link key={each.name} href={`/settings/${each.name}`} aria-current={each.name === name ? "page" : undefined}>
              {each.title}
            </Link>
          ))}
        </nav>
        <div className="settings-body">{section ? section.render(rest) : <Empty>There is no setting called “{name}”: choose one of the list.</Empty>}</div>
      </div>
    </>
  );
}
