/** Where the stages of a job begin, for the charts to show. */

import type uPlot from "uplot";

import type { JobEvent } from "../api/types";
import type { Palette } from "./palette";

export interface StageMark {
  name: string;
  /** Step behind which the stage begins. */
  step: number;
}

const FONT_PX = 11;
const DASH = [4, 4];

/** Return the stages that have begun, in order; steps are counted over all of them. */
export function readStages(events: readonly JobEvent[]): StageMark[] {
  const begun = new Map<number, { name: string; length: number }>();
  for (const { type, data } of events) {
    if (type !== "stage_started") continue;
    begun.set(Number(data.index), { name: String(data.stage), length: Number(data.epochs) * Number(data.steps_per_epoch) });
  }
  let step = 0;
  return [...begun.entries()]
    .sort(([a], [b]) => a - b)
    .map(([, { name, length }]) => {
      step += length;
      return { name, step: step - length };
    });
}

/** Return the hook that draws a line and the stage's name where each stage but the first begins. */
export function drawStages(stages: readonly StageMark[], palette: Palette): (plot: uPlot) => void {
  return (plot) => {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = palette.text;
    ctx.lineWidth = ratio;
    ctx.setLineDash(DASH.map((length) => length * ratio));
    ctx.font = `${FONT_PX * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    for (const { name, step } of stages.slice(1)) {
      const x = Math.round(plot.valToPos(step, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.fillText(name, x + 5 * ratio, bbox.top);
    }
    ctx.restore();
  };
}
