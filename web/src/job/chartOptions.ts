/** How uPlot draws a chart. */

import type uPlot from "uplot";

import { formatNumber } from "../format";
import type { Aligned, Column } from "./alignSeries";
import type { Palette } from "./palette";
import { drawStages, type StageMark } from "./stageMarks";

const LOGARITHMIC = 3;
const FONT = "11px system-ui, sans-serif";
const BAND_ALPHA = "2e";
const DASHES: readonly number[][] = [[], [6, 3], [2, 3], [8, 3, 2, 3]];
const MOST_POINTS_WITH_DOTS = 40;

export interface ChartStyle {
  palette: Palette;
  isLog: boolean;
  syncKey: string;
  stages: readonly StageMark[];
}

/** Each line takes three columns: value, low and high; the band between the latter two shows what buckets hide. */
export function chartData({ steps, lines }: Aligned, isLog: boolean): uPlot.AlignedData {
  const columns = lines.flatMap(({ values, lows, highs }) => [values, lows, highs]);
  return [steps, ...(isLog ? columns.map(dropNonPositive) : columns)];
}

function dropNonPositive(column: Column): Column {
  return column.map((value) => (value !== null && value > 0 ? value : null));
}

export function chartOptions(keys: readonly string[], style: ChartStyle): Omit<uPlot.Options, "width" | "height"> {
  return {
    legend: { show: false },
    hooks: { drawAxes: [drawStages(style.stages, style.palette)] },
    cursor: { sync: { key: style.syncKey }, points: { size: 7 }, drag: { x: true, y: false, dist: 6 } },
    padding: [8, 12, 0, 0],
    scales: { x: { time: false }, y: style.isLog ? { distr: LOGARITHMIC } : { range: chooseRange } },
    axes: [axis(style.palette, { size: 28, space: 70 }), axis(style.palette, { size: 54, space: 36 })],
    series: [{}, ...keys.flatMap((_, index) => lineSeries(index, style.palette))],
    bands: keys.map((_, index) => ({
      series: [3 * index + 3, 3 * index + 2],
      fill: colorOf(style.palette, index) + BAND_ALPHA,
    })),
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

function lineSeries(index: number, palette: Palette): uPlot.Series[] {
  const edge: uPlot.Series = { stroke: "transparent", width: 0, points: { show: false }, spanGaps: true };
  const line: uPlot.Series = {
    stroke: colorOf(palette, index),
    width: 1.75,
    dash: dashOf(index),
    spanGaps: true,
    points: { show: (plot, series) => countShown(plot, series) <= MOST_POINTS_WITH_DOTS, size: 5 },
  };
  return [line, edge, { ...edge }];
}

function countShown(plot: uPlot, series: number): number {
  return (plot.data[series] ?? []).filter((value) => value !== null).length;
}

function axis({ text, grid }: Palette, sizes: { size: number; space: number }): uPlot.Axis {
  return {
    ...sizes,
    stroke: text,
    font: FONT,
    grid: { stroke: grid, width: 1, filter: keepDecades },
    ticks: { show: false },
    values: (_, splits) => splits.map((split) => (split === null ? "" : formatNumber(split))),
  };
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
