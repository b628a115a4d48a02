/** Puts another data set into all streams that read the same one. */

import type { DatasetEntry } from "../components/queries";
import { isRecord } from "../components/schema";

type Data = Record<string, unknown>;

/** Return the streams with the other data set: without the old one's options, its pixels' mean and deviation written anew. */
export function changeDataset(streams: unknown, dataset: string, entry: DatasetEntry | undefined): Data {
  if (!isRecord(streams)) return {};
  const [first] = Object.values(streams);
  const old = isRecord(first) ? first["dataset"] : undefined;
  return Object.fromEntries(Object.entries(streams).map(([name, stream]) => [name, isRecord(stream) && stream["dataset"] === old ? exchange(stream, dataset, entry) : stream]));
}

function exchange(stream: Data, dataset: string, entry: DatasetEntry | undefined): Data {
  const { params: _, ...kept } = stream;
  const views = kept["views"];
  const moved = isRecord(views) ? { views: Object.fromEntries(Object.entries(views).map(([name, view]) => [name, moveView(view, entry)])) } : {};
  return { ...kept, ...moved, dataset };
}

/** `normalize` with numbers of its own told the old pixels' mean; without numbers it takes those of the data set. */
function moveView(view: unknown, entry: DatasetEntry | undefined): unknown {
  if (!isRecord(view) || !Array.isArray(view["transforms"])) return view;
  const transforms = view["transforms"].map((each: unknown) => {
    if (!isRecord(each) || each["transform"] !== "normalize" || !("mean" in each)) return each;
    return entry?.mean ? { transform: "normalize", mean: entry.mean, std: entry.std } : { transform: "normalize" };
  });
  return { ...view, transforms };
}
