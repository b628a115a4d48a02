import { expect, test } from "vitest";

import type { Job, Page } from "../api/types";
import { aJob } from "../testing/jobs";
import { doToAll, flattenPages, joinPages } from "./queries";

function page(ids: string[], next: string | null): Page<Job> {
  return { object: "list", data: ids.map((id) => aJob({ id })), first_id: ids[0]!, last_id: ids.at(-1)!, has_more: next !== null, next };
}

const known = { pages: [page(["f", "e"], "e"), page(["d", "c"], "c"), page(["b", "a"], null)], pageParams: [null, "e", "c"] };
const ids = ({ pages }: { pages: Page<Job>[] }) => pages.map(({ data }) => data.map(({ id }) => id).join("")).join(" ");

test("a fresh page takes the place of the old one, and those behind it stay where it ends as before", () => {
  expect(ids(joinPages(known, 1, [page(["d", "c"], "c")]))).toBe("fe dc ba");
});

test("pages that no longer join are dropped", () => {
  const joined = joinPages(known, 0, [page(["g", "f"], "f")]);
  expect(ids(joined)).toBe("gf");
  expect(joined.pageParams).toEqual([null]);
});

test("several fresh pages begin where the one before ends", () => {
  const joined = joinPages(known, 0, [page(["g", "f"], "f"), page(["e", "d"], "d")]);
  expect(joined.pageParams).toEqual([null, "f"]);
});

test("the last page grows and ends the list", () => {
  expect(ids(joinPages(known, 2, [page(["b"], null)]))).toBe("fe dc b");
});

test("a job on two pages is shown once", () => {
  expect(flattenPages({ pages: [page(["b", "a"], "a"), page(["a"], null)], pageParams: [] }).map(({ id }) => id)).toEqual(["b", "a"]);
});

test("what fails for one job is told and does not keep it from the others", async () => {
  const done: string[] = [];
  const failures = await doToAll(["a", "b", "c"], async (id) => {
    if (id === "b") throw new Error("no");
    done.push(id);
  });
  expect(done).toEqual(["a", "c"]);
  expect(failures.map(({ id }) => id)).toEqual(["b"]);
});
