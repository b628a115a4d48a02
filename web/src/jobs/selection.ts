/** Which jobs are chosen: one by one, or a range from the last one that was touched. */

export interface Selection {
  ids: ReadonlySet<string>;
  /** Where a range begins. */
  anchor: string | null;
}

export const NOTHING: Selection = { ids: new Set(), anchor: null };

/** Choose a job, or no longer; the next range begins at it. */
export function toggle({ ids }: Selection, id: string): Selection {
  const next = new Set(ids);
  if (!next.delete(id)) next.add(id);
  return { ids: next, anchor: id };
}

/** Do to all jobs from the anchor to `id` what was done to the anchor; without an anchor among them, toggle. */
export function extend(selection: Selection, order: readonly string[], id: string): Selection {
  const { ids, anchor } = selection;
  const start = anchor === null ? -1 : order.indexOf(anchor);
  const end = order.indexOf(id);
  if (anchor === null || start < 0 || end < 0) return toggle(selection, id);
  const next = new Set(ids);
  for (const each of order.slice(Math.min(start, end), Math.max(start, end) + 1)) {
    if (ids.has(anchor)) next.add(each);
    else next.delete(each);
  }
  return { ids: next, anchor };
}

/** Choose all jobs shown, or none where all of them are chosen. */
export function toggleAll({ ids }: Selection, order: readonly string[]): Selection {
  return order.length > 0 && order.every((id) => ids.has(id)) ? NOTHING : { ids: new Set(order), anchor: null };
}
