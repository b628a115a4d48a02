import { createHash } from "node:crypto";

import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { list, problem, serve } from "../testing/serve";
import { show } from "../testing/show";
import type { Upload } from "./queries";
import { PIECE_BYTES, sendFile } from "./sendFile";
import "../settings/SettingsPage"; // loaded before the clock of the first test runs

const BYTES = new Uint8Array(PIECE_BYTES + 1000).fill(7);
const SHA256 = createHash("sha256").update(BYTES).digest("hex");
const FILE = new File([BYTES], "teacher.safetensors");
const SENDING = { file: FILE, kind: "weights", project: "default" } as const;

function anUpload(changes: Partial<Upload> = {}): Upload {
  return {
    object: "upload",
    id: "upl_1",
    project: "default",
    kind: "weights",
    name: "teacher.safetensors",
    size: BYTES.length,
    offset: 0,
    sha256: SHA256,
    state: "open",
    created_at: "2026-01-02T03:04:05Z",
    updated_at: "2026-01-02T03:04:05Z",
    finished_at: null,
    ...changes,
  };
}

/** A server that takes pieces; `known` are the uploads that it has. */
function serveUploads(known: Upload[], trouble: (numSent: number) => Response | null = () => null) {
  let numSent = 0;
  return serve({
    "GET /v1/session": () => ({ object: "session", key_id: "key_1", name: "me", scopes: ["jobs:write"], csrf_token: "t" }),
    "GET /v1/uploads": () => list(known),
    "GET /v1/uploads/upl_1": () => known[0]!,
    "POST /v1/uploads": () => (known.unshift(anUpload()), known[0]!),
    "PATCH /v1/uploads/upl_1": ({ headers }) => {
      const failure = trouble(numSent++);
      if (failure) return failure;
      const [upload] = known;
      if (Number(headers.get("Upload-Offset")) !== upload!.offset) return problem(409, "upload_offset", "it stands elsewhere");
      const offset = Math.min(upload!.offset + PIECE_BYTES, upload!.size);
      return (known[0] = { ...upload!, offset, state: offset === upload!.size ? "complete" : "open" });
    },
    "DELETE /v1/uploads/upl_1": () => problem(409, "upload_needed", "upl_1 is read by jobs that are not over: job_1"),
  });
}

test("a file is announced with its hash and sent piece by piece", async () => {
  const { asked } = serveUploads([]);
  const told: string[] = [];
  const upload = await sendFile(SENDING, ({ step, ratio }) => told.push(`${step} ${ratio.toFixed(2)}`), new AbortController().signal);
  expect(upload.state).toBe("complete");
  expect(JSON.parse(asked.find(({ route }) => route === "POST /v1/uploads")?.body ?? "")).toEqual({ kind: "weights", name: "teacher.safetensors", size: BYTES.length, sha256: SHA256 });
  const pieces = asked.filter(({ route }) => route.startsWith("PATCH"));
  expect(pieces.map(({ headers }) => headers.get("Upload-Offset"))).toEqual(["0", String(PIECE_BYTES)]);
  expect(told.filter((each) => each.startsWith("sending"))).toEqual(["sending 0.00", "sending 1.00", "sending 1.00"]);
});

test("what was sent before is gone on with, and a whole file is not sent again", async () => {
  const half = anUpload({ offset: PIECE_BYTES });
  const { asked } = serveUploads([half]);
  await sendFile(SENDING, () => {}, new AbortController().signal);
  expect(asked.map(({ route }) => route)).toEqual(["GET /v1/uploads", "PATCH /v1/uploads/upl_1"]);
  await sendFile(SENDING, () => {}, new AbortController().signal);
  expect(asked.map(({ route }) => route).at(-1)).toBe("GET /v1/uploads");
});

test("an upload of another project is not taken for this one", async () => {
  const { asked } = serveUploads([anUpload({ project: "vision", state: "complete" })]);
  await sendFile(SENDING, () => {}, new AbortController().signal);
  expect(asked.some(({ route }) => route === "POST /v1/uploads")).toBe(true);
});

test("a server in trouble is asked where the upload stands, and sending goes on", async () => {
  const { asked } = serveUploads([], (numSent) => (numSent === 1 ? problem(503, "unavailable", "busy") : null));
  const upload = await sendFile(SENDING, () => {}, new AbortController().signal);
  expect(upload.state).toBe("complete");
  expect(asked.filter(({ route }) => route === "GET /v1/uploads/upl_1")).toHaveLength(1);
});

test("a file that is not what it should be is told as the server tells it", async () => {
  serveUploads([], () => problem(422, "upload_invalid", "upl_1 was thrown away: no tensor"));
  show("/settings/uploads");
  await userEvent.upload(await screen.findByLabelText("file"), FILE);
  await userEvent.click(screen.getByRole("button", { name: "Upload" }));
  expect((await screen.findByRole("alert")).textContent).toContain("thrown away: no tensor");
});

test("uploads are listed, and one that jobs read is not removed", async () => {
  serveUploads([anUpload({ name: "<b>half</b>", offset: PIECE_BYTES, size: 2 * PIECE_BYTES })]);
  show("/settings/uploads");
  const row = await screen.findByTestId("upload");
  expect(row.textContent).toContain("<b>half</b>");
  expect(row.textContent).toContain("50.00 % sent");
  await userEvent.click(within(row).getByRole("button", { name: /^Remove/ }));
  await userEvent.click(within(row).getByRole("button", { name: /^Click again/ }));
  await vi.waitFor(() => expect(within(row).getByRole("alert").textContent).toContain("job_1"));
});
