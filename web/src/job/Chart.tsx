/** One chart: a title, a legend that follows the cursor, and the lines. */

import { useEffect, useMemo, useRef } from "react";
import uPlot from "uplot";

import type { MetricSeries } from "../api/types";
import { formatNumber, formatTime } from "../format";
import { alignSeries, type Aligned } from "./alignSeries";
import { ChartLegend } from "./ChartLegend";
import { chartData, chartOptions } from "./chartOptions";
import type { Axis } from "./jobQueries";
import type { MetricGroup } from "./metricGroups";
import { usePalette } from "./palette";
import type { StageMark } from "./stageMarks";
import type { ChartView } from "./useChartView";

export const CHART_HEIGHT = 200;

interface Props extends Drawing {
  group: MetricGroup;
  series: readonly MetricSeries[];
}

export interface Drawing {
  syncKey: string;
  view: ChartView;
  stages: readonly StageMark[];
  resumes: readonly StageMark[];
  onZoom: (from: string | null, to: string | null) => void;
}

export function Chart({ group, series, ...drawing }: Props) {
  const { x } = drawing.view;
  const aligned = useMemo(() => alignSeries(series, x), [series, x]);
  const legend = useRef<HTMLUListElement>(null);
  const frame = usePlot(aligned, group, drawing, legend);
  const numPoints = Math.max(0, ...aligned.lines.map(({ count }) => count));
  return (
    <figure className="chart" data-testid="chart" data-key={group.key} data-points={numPoints}>
      <figcaption>
        <h2>{group.title}</h2>
        <ChartLegend ref={legend} lines={aligned.lines} isAlone={group.metrics[0] === group.key} />
      </figcaption>
      <div className="chart-frame" ref={frame} role="img" aria-label={describe(group, aligned, x)} />
    </figure>
  );
}

/** Keep a uPlot inside the returned element: made anew when its lines, colours or view change, else fed. */
function usePlot(aligned: Aligned, group: MetricGroup, drawing: Drawing, legend: { current: HTMLUListElement | null }) {
  const { syncKey, view, stages, resumes, onZoom } = drawing;
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const palette = usePalette();
  const names = JSON.stringify(aligned.lines.map(({ key }) => key));
  const latest = useRef(aligned);
  latest.current = aligned;
  const show = useRef(group.show);
  show.current = group.show;
  const { x, smoothing, hasBand, from, to } = view;
  const isLog = view.isLog && group.isLoss;

  useEffect(() => {
    const host = frame.current;
    if (!host) return;
    const options = chartOptions(JSON.parse(names) as string[], {
      palette,
      x,
      isLog,
      syncKey,
      hasBand,
      isSmoothed: smoothing > 0,
      stages,
      resumes,
      show: (value) => show.current(value),
      onZoom: (low, high) => onZoom(writeEnd(low, x, Math.floor), writeEnd(high, x, Math.ceil)),
      onReset: () => onZoom(null, null),
    });
    const showValues = (drawn: uPlot) => writeLegend(legend.current, latest.current, drawn.cursor.idx ?? null, x, show.current);
    const made = new uPlot(
      { ...options, width: host.clientWidth, height: CHART_HEIGHT, hooks: { ...options.hooks, setCursor: [showValues] } },
      chartData(latest.current, { isLog, smoothing }),
      host,
    );
    const resize = new ResizeObserver(() => made.setSize({ width: host.clientWidth, height: CHART_HEIGHT }));
    resize.observe(host);
    plot.current = made;
    return () => {
      resize.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [names, palette, isLog, syncKey, stages, resumes, legend, x, smoothing, hasBand, onZoom]);

  useEffect(() => {
    if (plot.current) feed(plot.current, chartData(aligned, { isLog, smoothing }), readEnd(from, x), readEnd(to, x));
    writeLegend(legend.current, aligned, plot.current?.cursor.idx ?? null, x, show.current);
  }, [aligned, isLog, smoothing, legend, from, to, x, names, palette, stages, resumes, hasBand, syncKey, onZoom]);

  return frame;
}

/** Give a plot new data, and the part of the axis that is looked at; an open end is that of the data. */
function feed(plot: uPlot, data: uPlot.AlignedData, from: number | null, to: number | null): void {
  plot.batch(() => {
    plot.setData(data);
    if (from === null && to === null) return;
    const places = data[0] as readonly number[];
    const min = from ?? places[0] ?? 0;
    const max = to ?? places.at(-1) ?? min + 1;
    if (max > min) plot.setScale("x", { min, max });
  });
}

function writeEnd(value: number, x: Axis, round: (value: number) => number): string {
  return x === "step" ? String(Math.max(0, round(value))) : new Date(value * 1000).toISOString();
}

function readEnd(end: string | null, x: Axis): number | null {
  if (end === null) return null;
  return x === "step" ? Number(end) : Date.parse(end) / 1000;
}

/** Write the values under the cursor, or the last ones, without a render for each move of the mouse. */
function writeLegend(
  legend: HTMLUListElement | null,
  { steps, lines }: Aligned,
  index: number | null,
  x: Axis,
  show: MetricGroup["show"],
): void {
  if (!legend) return;
  const outputs = legend.querySelectorAll("output");
  lines.forEach(({ values }, line) => {
    const value = index === null ? values.findLast((each) => each !== null) : findBefore(values, index);
    const output = outputs[line];
    if (output) output.textContent = value === null || value === undefined ? "–" : show(value);
  });
  legend.dataset.step = index === null ? "" : describePlace(steps[index] ?? 0, x);
}

function describePlace(place: number, x: Axis): string {
  return x === "step" ? `step ${formatNumber(place)}` : formatTime(new Date(place * 1000).toISOString());
}

function findBefore(values: readonly (number | null)[], index: number): number | null {
  return values.slice(0, index + 1).findLast((value) => value !== null) ?? null;
}

function describe({ title, show }: MetricGroup, { steps, lines }: Aligned, x: Axis): string {
  const last = (values: readonly (number | null)[]) => values.findLast((each) => each !== null) ?? null;
  const ends = lines.map(({ key, values }) => `${key} ends at ${last(values) === null ? "–" : show(last(values) ?? 0)}`);
  return `${title} up to ${describePlace(steps.at(-1) ?? 0, x)}: ${ends.join(", ")}`;
}
