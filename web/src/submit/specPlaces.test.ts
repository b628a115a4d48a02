import { expect, test } from "vitest";

import { CATALOG, SCHEMA } from "../testing/components";
import { findCursorPlace } from "./cursorPlace";
import { readSpec } from "./specText";
import { suggestKeys, suggestValues } from "./specPlaces";

const KNOWN = { catalog: CATALOG, schema: SCHEMA };

/** The names that are offered where `|` stands. */
function offer(marked: string): string[] {
  const cursor = marked.indexOf("|");
  const text = marked.replace("|", "");
  const place = findCursorPlace(text, cursor);
  if (!place) return [];
  const data = readSpec(text).data ?? readSpec(text.slice(0, text.lastIndexOf("\n", cursor - 1))).data;
  return (place.kind === "key" ? suggestKeys : suggestValues)(KNOWN, place.path, data).map(({ name }) => name);
}

test.each([
  ["version: 1\nna|", ["name", "models", "data", "recipe", "stages", "runtime", "evaluation"]],
  ["models:\n  student:\n    model: res|", ["resnet8", "resnet20"]],
  ["models:\n  student: {model: res|}", ["resnet8", "resnet20"]],
  ["models:\n  student:\n    model: resnet8\n    |", ["params", "weights"]],
  ["stages:\n  - name: a\n    op|", ["epochs", "optimizer"]],
  ["stages:\n  - name: a\n    optimizer: {optimizer: |}", ["sgd", "adam"]],
  ["stages:\n  - name: a\n    optimizer: {optimizer: sgd, lr: 0.1, m|}", ["momentum"]],
  ["recipe:\n  name: |", ["kd", "fitnet"]],
  ["recipe:\n  name: fitnet\n  params:\n    hi|", ["train", "epochs", "optimizer", "hint_epochs"]],
  ["data:\n  few: {dataset: digits}\nrecipe:\n  name: kd\n  params:\n    train: |", ["few"]],
  ["runtime: {device: |}", ["auto", "cpu", "cuda"]],
  ["runtime:\n  deterministic: |", ["true", "false"]],
  ["# a comm|", []],
])("at %j", (marked, names) => {
  expect(offer(marked)).toEqual(names);
});
