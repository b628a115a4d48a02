/** How uPlot draws the curves of many jobs over one another. */

import type uPlot from "uplot";

import type { MetricValue } from "../api/types";
import { formatNumber } from "../format";
import type { Aligned, Column } from "../job/alignSeries";
import { colorOf, dashOf } from "../job/chartOptions";
import type { Palette } from "../job/palette";
import { showMeasure } from "../measures";

const LOGARITHMIC = 3;
const FONT = "11px system-ui, sans-serif";
const FAINT = "40";
const NEAR_PX = 24;
const SYNC_KEY = "comparison";
const MOST_POINTS_WITH_DOTS = 40;

interface Style {
  palette: Palette;
  isLog: boolean;
  isSmooth: boolean;
  metric: string;
}

/** The smoothed lines, and behind them, where they are smoothed, what was measured. */
export function overlayData({ steps, lines: measured }: Aligned, lines: readonly Column[], isSmooth: boolean, isLog: boolean): uPlot.AlignedData {
  const columns = [...lines, ...(isSmooth ? measured.map(({ values }) => values) : [])];
  return [steps, ...(isLog ? columns.map(dropNonPositive) : columns)];
}

function dropNonPositive(column: Column): Column {
  return column.map((value) => (value !== null && value > 0 ? value : null));
}

export function overlayOptions(count: number, { palette, isLog, isSmooth, metric }: Style): Omit<uPlot.Options, "width" | "height"> {
  const indices = Array.from({ length: count }, (_, index) => index);
  const axis = { stroke: palette.text, font: FONT, grid: { stroke: palette.grid, width: 1 }, ticks: { show: false } };
  return {
    legend: { show: false },
    focus: { alpha: 0.25 },
    cursor: { sync: { key: SYNC_KEY, setSeries: false }, focus: { prox: NEAR_PX }, points: { size: 6 }, drag: { x: true, y: false, dist: 6 } },
    padding: [8, 12, 0, 0],
    scales: { x: { time: false }, y: isLog ? { distr: LOGARITHMIC } : {} },
    axes: [
      { ...axis, size: 28, space: 70, values: write(formatNumber) },
      { ...axis, size: 62, space: 36, values: write((value) => showMeasure(metric, value).replace(".00 %", " %")) },
    ],
    series: [{}, ...indices.map((index) => drawLine(palette, index, 1.75)), ...(isSmooth ? indices.map((index) => drawLine(palette, index, 1, FAINT)) : [])],
  };
}

function drawLine(palette: Palette, index: number, width: number, alpha = ""): uPlot.Series {
  return {
    stroke: colorOf(palette, index) + alpha,
    width,
    dash: alpha ? [] : dashOf(index),
    spanGaps: true,
    points: { show: (plot, series) => !alpha && countShown(plot, series) <= MOST_POINTS_WITH_DOTS, size: 4 },
  };
}

function countShown(plot: uPlot, series: number): number {
  return (plot.data[series] ?? []).filter((value) => value !== null).length;
}

function write(show: (value: MetricValue) => string) {
  return (_: uPlot, splits: (number | null)[]) => splits.map((split) => (split === null ? "" : show(split)));
}
