import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { FakeEventSource } from "../testing/FakeEventSource";
import { aJob } from "../testing/jobs";
import { list, serve } from "../testing/serve";
import { show } from "../testing/show";

test("without jobs the page tells how to submit one", async () => {
  serve({ "GET /v1/jobs": () => list([]) });
  show("/");
  expect(await screen.findByText(/stillhouse submit spec.yaml/)).toBeTruthy();
  expect(screen.queryByTestId("job-row")).toBeNull();
});

test("a job is shown with its state, progress, models and figures", async () => {
  const done = aJob({ id: "job_2", state: "succeeded", progress: 1, figures: { "test/accuracy": 0.9683 } });
  serve({ "GET /v1/jobs": () => list([aJob(), done]) });
  show("/");
  expect(screen.getByTestId("jobs-skeleton").textContent).toBe("Loading jobs…");
  const [first, second] = await screen.findAllByTestId("job-row");
  expect(screen.queryByTestId("jobs-skeleton")).toBeNull();
  expect(within(first!).getByTestId("job-state").textContent).toBe("running");
  expect(first!.textContent).toContain("42 %, 1 min 20 s left");
  expect(first!.textContent).toContain("resnet20");
  expect(within(first!).getByRole("link").getAttribute("href")).toBe(`/jobs/${aJob().id}`);
  expect(second!.textContent).toContain("96.83 %");
});

test("filters are asked of the server and kept in the address", async () => {
  const { asked } = serve({ "GET /v1/jobs": ({ url }) => list(url.searchParams.get("state") === "failed" ? [] : [aJob()]) });
  show("/");
  await screen.findByTestId("job-row");
  await userEvent.click(screen.getByRole("button", { name: "failed" }));
  expect(await screen.findByText("No job fits this filter.")).toBeTruthy();
  await userEvent.type(screen.getByRole("searchbox"), "digits");
  await vi.waitFor(() => expect(asked.at(-1)?.url.searchParams.get("q")).toBe("digits"));
  expect(location.search).toBe("?state=failed&q=digits");
});

test("more jobs are asked for behind the last one before one gets there", async () => {
  const old = aJob({ id: "job_0", name: "older" });
  const { asked } = serve({
    "GET /v1/jobs": ({ url }) => (url.searchParams.get("after") ? list([old]) : list([aJob()], { has_more: true, last_id: aJob().id })),
  });
  show("/");
  expect(await screen.findByText("older")).toBeTruthy();
  expect(asked.filter(({ url }) => url.searchParams.get("after") === aJob().id)).toHaveLength(1);
});

test("a hint brings the new state of a job", async () => {
  let job = aJob();
  serve({ "GET /v1/jobs": () => list([job]) });
  show("/");
  await screen.findByTestId("job-row");
  FakeEventSource.latest.onopen?.();
  job = aJob({ state: "succeeded" });
  FakeEventSource.latest.hint({ job_id: job.id, kind: "event", cursor: 2 });
  await vi.waitFor(() => expect(screen.getByTestId("job-state").textContent).toBe("succeeded"));
  expect(screen.getByTestId("stream-state").dataset.state).toBe("live");
});

test("a lost stream is said", async () => {
  serve({ "GET /v1/jobs": () => list([aJob()]) });
  show("/");
  await screen.findByTestId("job-row");
  FakeEventSource.latest.onopen?.();
  await vi.waitFor(() => expect(screen.getByTestId("stream-state").textContent).toBe("Live"));
  FakeEventSource.latest.onerror?.();
  await vi.waitFor(() => expect(screen.getByTestId("stream-state").dataset.state).toBe("stale"));
});
