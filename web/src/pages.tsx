/** Which page an address shows. A page's code is fetched when it is first asked for; the list of jobs comes at once. */

import { lazy, type ReactNode } from "react";

import { JobsPage } from "./jobs/JobsPage";

const ComparePage = lazy(async () => ({ default: (await import("./compare/ComparePage")).ComparePage }));
const LeaderboardPage = lazy(async () => ({ default: (await import("./leaderboard/LeaderboardPage")).LeaderboardPage }));
const JobPage = lazy(async () => ({ default: (await import("./job/JobPage")).JobPage }));
const NewJobPage = lazy(async () => ({ default: (await import("./submit/NewJobPage")).NewJobPage }));
const SweepPage = lazy(async () => ({ default: (await import("./sweeps/SweepPage")).SweepPage }));
const SweepsPage = lazy(async () => ({ default: (await import("./sweeps/SweepsPage")).SweepsPage }));
const QueuePage = lazy(async () => ({ default: (await import("./queue/QueuePage")).QueuePage }));
const WorkersPage = lazy(async () => ({ default: (await import("./workers/WorkersPage")).WorkersPage }));
const CachePage = lazy(async () => ({ default: (await import("./cache/CachePage")).CachePage }));
const ComponentsPage = lazy(async () => ({ default: (await import("./components/ComponentsPage")).ComponentsPage }));
const SettingsPage = lazy(async () => ({ default: (await import("./settings/SettingsPage")).SettingsPage }));

interface PageFacts {
  /** What the whole path has to look like; its first group is given to `render`. */
  path: RegExp;
  render: (group: string) => ReactNode;
}

const PAGES: readonly PageFacts[] = [
  { path: /^\/$/, render: () => <JobsPage /> },
  { path: /^\/compare$/, render: () => <ComparePage /> },
  { path: /^\/jobs\/new$/, render: () => <NewJobPage /> },
  { path: /^\/jobs\/(job_[0-9A-Z]+)$/, render: (id) => <JobPage key={id} id={id} /> },
  { path: /^\/sweeps$/, render: () => <SweepsPage /> },
  { path: /^\/sweeps\/(swp_[0-9A-Z]+)$/, render: (id) => <SweepPage key={id} id={id} /> },
  { path: /^\/leaderboard$/, render: () => <LeaderboardPage /> },
  { path: /^\/queue$/, render: () => <QueuePage /> },
  { path: /^\/workers$/, render: () => <WorkersPage /> },
  { path: /^\/cache$/, render: () => <CachePage /> },
  { path: /^\/components((?:\/[\w.-]+){0,2})$/, render: (place) => <ComponentsPage place={place} /> },
  { path: /^\/settings((?:\/[\w.-]+){0,2})$/, render: (place) => <SettingsPage place={place} /> },
];

/** The pages that the frame's navigation leads to, in its order. */
export const PLACES: readonly { href: string; title: string }[] = [
  { href: "/", title: "Jobs" },
  { href: "/sweeps", title: "Sweeps" },
  { href: "/leaderboard", title: "Leaderboard" },
  { href: "/queue", title: "Queue" },
  { href: "/workers", title: "Workers" },
  { href: "/cache", title: "Cache" },
  { href: "/components", title: "Components" },
  { href: "/settings", title: "Settings" },
];

/** Whether a path lies at a place of the navigation, or below it. */
export function isAt(href: string, path: string): boolean {
  return path === href || (href !== "/" && path.startsWith(`${href}/`));
}

/** Return the page at a path, or nothing where none is. */
export function findPage(path: string): ReactNode {
  for (const { path: pattern, render } of PAGES) {
    const found = pattern.exec(path);
    if (found) return render(found[1] ?? "");
  }
  return null;
}
