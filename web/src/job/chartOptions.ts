/** How uPlot draws a chart. */

import type uPlot from "uplot";

import { formatNumber } from "../format";
import type { Aligned, Column } from "./alignSeries";
import type { Axis } from "./jobQueries";
import type { Palette } from "./palette";
import { smoothCurve } from "./smoothCurve";
import { drawMarks, type StageMark } from "./stageMarks";

const LOGARITHMIC = 3;
const FONT = "11px system-ui, sans-serif";
const BAND_ALPHA = "2e";
const RAW_ALPHA = "59";
const DASHES: readonly number[][] = [[], [6, 3], [2, 3], [8, 3, 2, 3]];
const MOST_POINTS_WITH_DOTS = 40;
/** Columns of a line: what is drawn, the two edges of its band, and what it was before it was smoothed. */
const COLUMNS = 4;

export interface ChartStyle {
  palette: Palette;
  x: Axis;
  isLog: boolean;
  syncKey: string;
  hasBand: boolean;
  isSmoothed: boolean;
  stages: readonly StageMark[];
  resumes: readonly StageMark[];
  /** Says what a value is, on the axis. */
  show: (value: number) => string;
  onZoom: (from: number, to: number) => void;
  onReset: () => void;
}

export function chartData({ steps, lines }: Aligned, { isLog, smoothing }: { isLog: boolean; smoothing: number }): uPlot.AlignedData {
  const columns = lines.flatMap(({ values, lows, highs }) => [smoothCurve(values, smoothing), lows, highs, values]);
  return [steps, ...(isLog ? columns.map(dropNonPositive) : columns)];
}

function dropNonPositive(column: Column): Column {
  return column.map((value) => (value !== null && value > 0 ? value : null));
}

export function chartOptions(keys: readonly string[], style: ChartStyle): Omit<uPlot.Options, "width" | "height"> {
  const { palette, x, isLog, hasBand } = style;
  return {
    legend: { show: false },
    hooks: {
      drawAxes: [drawMarks(style.stages.slice(1), x, palette), drawMarks(style.resumes, x, palette, { isLow: true })],
      setSelect: [(plot) => select(plot, style.onZoom)],
    },
    cursor: {
      sync: { key: style.syncKey, setSeries: false, scales: ["x", null] },
      points: { size: 7 },
      drag: { x: true, y: false, dist: 6, setScale: false },
      bind: { dblclick: () => reset(style.onReset) },
    },
    padding: [8, 12, 0, 0],
    scales: { x: { time: x === "time" }, y: isLog ? { distr: LOGARITHMIC } : { range: chooseRange } },
    axes: [
      x === "time" ? timeAxis(palette) : axis(palette, { size: 28, space: 70 }, formatNumber),
      axis(palette, { size: 58, space: 36 }, style.show),
    ],
    series: [{}, ...keys.flatMap((_, index) => lineSeries(index, style))],
    bands: hasBand
      ? keys.map((_, index) => ({
          series: [COLUMNS * index + 3, COLUMNS * index + 2] as [number, number],
          fill: colorOf(palette, index) + BAND_ALPHA,
        }))
      : [],
  };
}

/** The colour of a line; it is asked for by the legend too. */
export function colorOf({ series }: Palette, index: number): string {
  return series[index % series.length] ?? "currentColor";
}

/** The dashes of a line: lines are told apart without colour. */
export function dashOf(index: number): number[] {
  return DASHES[index % DASHES.length] ?? [];
}

/** What was dragged over is looked at closely: by whoever keeps the view, so that the server is asked for detail. */
function select(plot: uPlot, onZoom: ChartStyle["onZoom"]): void {
  const { left, width } = plot.select;
  if (width <= 0) return;
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  onZoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
}

function reset(onReset: () => void): () => null {
  return () => {
    onReset();
    return null;
  };
}

function lineSeries(index: number, { palette, hasBand, isSmoothed }: ChartStyle): uPlot.Series[] {
  const color = colorOf(palette, index);
  const edge: uPlot.Series = { stroke: "transparent", width: 0, points: { show: false }, spanGaps: true, show: hasBand };
  const line: uPlot.Series = {
    stroke: color,
    width: 1.75,
    dash: dashOf(index),
    spanGaps: true,
    points: { show: (plot, series) => countShown(plot, series) <= MOST_POINTS_WITH_DOTS, size: 5 },
  };
  const raw: uPlot.Series = { stroke: color + RAW_ALPHA, width: 1, points: { show: false }, spanGaps: true, show: isSmoothed };
  return [line, edge, { ...edge }, raw];
}

function countShown(plot: uPlot, series: number): number {
  return (plot.data[series] ?? []).filter((value) => value !== null).length;
}

function axis({ text, grid }: Palette, sizes: { size: number; space: number }, show: (value: number) => string): uPlot.Axis {
  return {
    ...sizes,
    stroke: text,
    font: FONT,
    grid: { stroke: grid, width: 1, filter: keepDecades },
    ticks: { show: false },
    values: (_, splits) => splits.map((split) => (split === null ? "" : show(split))),
  };
}

function timeAxis({ text, grid }: Palette): uPlot.Axis {
  return { size: 40, space: 80, stroke: text, font: FONT, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
}

/** On a logarithmic axis that spans decades, lines at the decades alone. */
function keepDecades(plot: uPlot, splits: number[], axisIndex: number): (number | null)[] {
  const scale = plot.scales[plot.axes[axisIndex]?.scale ?? ""];
  const decades = splits.filter(isDecade);
  if (scale?.distr !== LOGARITHMIC || decades.length < 2) return splits;
  return splits.map((split) => (isDecade(split) ? split : null));
}

function isDecade(value: number): boolean {
  return value > 0 && Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9;
}

/** A little air above and below; a flat line gets some to lie in. */
function chooseRange(_: uPlot, low: number | null, high: number | null): uPlot.Range.MinMax {
  if (low === null || high === null) return [0, 1];
  const air = high > low ? (high - low) * 0.06 : Math.abs(high) * 0.1 || 1;
  return [low >= 0 ? Math.max(0, low - air) : low - air, high + air];
}
