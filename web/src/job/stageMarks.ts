/** Where the stages and the later attempts of a job begin, for the charts to show. */

import type uPlot from "uplot";

import type { JobEvent } from "../api/types";
import type { Attempt, Axis } from "./jobQueries";
import type { Palette } from "./palette";

export interface StageMark {
  name: string;
  /** Step behind which the stage, or the attempt, begins. */
  step: number;
  /** When it began, in seconds since 1970. */
  time: number;
}

const FONT_PX = 11;
const NAME_GAP_PX = 5;
const DASH = [4, 4];
const DOTS = [1, 3];
const MOST_LETTERS = 24;

/** Return the stages that have begun, in order; steps are counted over all of them. */
export function readStages(events: readonly JobEvent[]): StageMark[] {
  const begun = new Map<number, { name: string; length: number; time: number }>();
  for (const { type, data, created_at } of events) {
    if (type !== "stage_started") continue;
    begun.set(Number(data.index), { name: String(data.stage), length: Number(data.epochs) * Number(data.steps_per_epoch), time: readSeconds(created_at) });
  }
  let step = 0;
  return [...begun.entries()]
    .sort(([a], [b]) => a - b)
    .map(([, { name, length, time }]) => {
      step += length;
      return { name, step: step - length, time };
    });
}

/** Return where attempts went on from a checkpoint, or from the beginning; the first one has no mark. */
export function readResumes(attempts: readonly Pick<Attempt, "number" | "start_step" | "started_at">[]): StageMark[] {
  return attempts
    .filter(({ number, started_at }) => number > 1 && started_at !== null)
    .map(({ number, start_step, started_at }) => ({ name: `attempt ${number}`, step: start_step, time: readSeconds(started_at ?? "") }));
}

function readSeconds(time: string): number {
  return Date.parse(time) / 1000;
}

/** Return the hook that draws a line and a name where each mark lies. */
export function drawMarks(marks: readonly StageMark[], x: Axis, palette: Palette, { isLow = false } = {}): (plot: uPlot) => void {
  return (plot) => {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = palette.text;
    ctx.lineWidth = ratio;
    ctx.setLineDash((isLow ? DOTS : DASH).map((length) => length * ratio));
    ctx.font = `${FONT_PX * ratio}px system-ui, sans-serif`;
    ctx.textBaseline = "top";
    for (const mark of marks) {
      const at = Math.round(plot.valToPos(mark[x], "x", true));
      if (at < bbox.left || at > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      ctx.stroke();
      const name = shorten(mark.name);
      const fits = at + NAME_GAP_PX * ratio + ctx.measureText(name).width <= bbox.left + bbox.width;
      ctx.textAlign = fits ? "left" : "right";
      ctx.fillText(name, at + (fits ? 1 : -1) * NAME_GAP_PX * ratio, isLow ? bbox.top + bbox.height - FONT_PX * 1.4 * ratio : bbox.top);
    }
    ctx.restore();
  };
}

function shorten(name: string): string {
  return name.length > MOST_LETTERS ? `${name.slice(0, MOST_LETTERS)}…` : name;
}
