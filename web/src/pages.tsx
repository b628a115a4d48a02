/** Which page an address shows. A page's code is fetched when it is first asked for; the list of jobs comes at once. */

import { lazy, type ReactNode } from "react";

import { JobsPage } from "./jobs/JobsPage";

const ComparePage = lazy(async () => ({ default: (await import("./compare/ComparePage")).ComparePage }));
const JobPage = lazy(async () => ({ default: (await import("./job/JobPage")).JobPage }));
const NewJobPage = lazy(async () => ({ default: (await import("./submit/NewJobPage")).NewJobPage }));

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
];

/** The pages that the frame's navigation leads to, in its order. */
export const PLACES: readonly { href: string; title: string }[] = [{ href: "/", title: "Jobs" }];

/** Return the page at a path, or nothing where none is. */
export function findPage(path: string): ReactNode {
  for (const { path: pattern, render } of PAGES) {
    const found = pattern.exec(path);
    if (found) return render(found[1] ?? "");
  }
  return null;
}
