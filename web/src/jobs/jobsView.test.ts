import { expect, test } from "vitest";

import { DEFAULT_COLUMNS, isFiltered, listParams, readView, turnSort, writeColumns } from "./jobsView";

const read = (query: string) => readView(new URLSearchParams(query));

test("an empty address shows all jobs with the usual columns, the newest first", () => {
  const view = read("");
  expect(isFiltered(view)).toBe(false);
  expect(view.columns).toEqual(DEFAULT_COLUMNS);
  expect(listParams(view, 0)).toMatchObject({ state: [], sort: null, created_after: null, metrics: [] });
});

test("every filter of the address is asked of the server", () => {
  const view = read("state=failed,running&q=kd&student=resnet8&label.team=a,b&sort=metric:val/accuracy&cols=metric:val/accuracy state");
  expect(isFiltered(view)).toBe(true);
  expect(listParams(view, 0)).toMatchObject({
    state: ["running", "failed"],
    q: "kd",
    student: "resnet8",
    "label.team": "a,b",
    sort: "metric:val/accuracy",
    metrics: ["val/accuracy"],
  });
});

test("an address may name a sweep", () => {
  const view = read("sweep=swp_1");
  expect(isFiltered(view)).toBe(true);
  expect(listParams(view, 0)).toMatchObject({ sweep: "swp_1" });
});

test("what the address cannot mean is left out", () => {
  const view = read("state=dancing&within=3y&from=2026-02-99&to=soon");
  expect(isFiltered(view)).toBe(false);
});

test("spans are counted back from now, days are those of the reader", () => {
  expect(listParams(read("within=24h"), Date.parse("2026-03-02T10:00:00Z")).created_after).toBe("2026-03-01T10:00:00.000Z");
  const { created_after: after, created_before: before } = listParams(read("from=2026-03-01&to=2026-03-01"), 0);
  expect(Date.parse(String(before)) - Date.parse(String(after))).toBe(86_400_000);
  expect(new Date(String(after)).getHours()).toBe(0);
});

test("columns come back from the address as they were written, none at all too", () => {
  expect(writeColumns(DEFAULT_COLUMNS)).toBe("");
  for (const columns of [["state", "label:team"], []]) {
    const params = new URLSearchParams({ cols: writeColumns(columns) });
    expect(readView(new URLSearchParams(params.toString())).columns).toEqual(columns);
  }
});

test("a title that is clicked again turns the order round, then takes it back", () => {
  expect(turnSort("-created_at", "metric:a")).toBe("-metric:a");
  expect(turnSort("-metric:a", "metric:a")).toBe("metric:a");
  expect(turnSort("metric:a", "metric:a")).toBe("");
  expect(turnSort("-created_at", "name")).toBe("name");
  expect(turnSort("-created_at", "created_at")).toBe("created_at");
  expect(turnSort("created_at", "created_at")).toBe("-created_at");
});
