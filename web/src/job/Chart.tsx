/** One chart: a title, a legend that follows the cursor, and the lines. */

import { useEffect, useMemo, useRef } from "react";
import uPlot from "uplot";

import type { MetricSeries } from "../api/types";
import { formatNumber } from "../format";
import { alignSeries, type Aligned } from "./alignSeries";
import { ChartLegend } from "./ChartLegend";
import { chartData, chartOptions } from "./chartOptions";
import type { MetricGroup } from "./metricGroups";
import { usePalette } from "./palette";
import type { StageMark } from "./stageMarks";

const HEIGHT = 200;

interface Props extends Drawing {
  group: MetricGroup;
  series: readonly MetricSeries[];
}

interface Drawing {
  syncKey: string;
  isLog: boolean;
  stages: readonly StageMark[];
}

export function Chart({ group, series, ...drawing }: Props) {
  const aligned = useMemo(() => alignSeries(series), [series]);
  const legend = useRef<HTMLUListElement>(null);
  const frame = usePlot(aligned, drawing, legend);
  const numPoints = Math.max(0, ...aligned.lines.map(({ count }) => count));
  return (
    <figure className="chart" data-testid="chart" data-key={group.key} data-points={numPoints}>
      <figcaption>
        <h3>{group.title}</h3>
        <ChartLegend ref={legend} lines={aligned.lines} isAlone={group.metrics[0] === group.key} />
      </figcaption>
      <div className="chart-frame" ref={frame} role="img" aria-label={describe(group.title, aligned)} />
    </figure>
  );
}

/** Keep a uPlot inside the returned element: made anew when its lines or colours change, else fed. */
function usePlot(aligned: Aligned, { syncKey, isLog, stages }: Drawing, legend: { current: HTMLUListElement | null }) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const palette = usePalette();
  const names = aligned.lines.map(({ key }) => key).join(" ");
  const latest = useRef(aligned);
  latest.current = aligned;

  useEffect(() => {
    const host = frame.current;
    if (!host) return;
    const options = chartOptions(names.split(" "), { palette, isLog, syncKey, stages });
    const showValues = (drawn: uPlot) => writeLegend(legend.current, latest.current, drawn.cursor.idx ?? null);
    const made = new uPlot(
      { ...options, width: host.clientWidth, height: HEIGHT, hooks: { ...options.hooks, setCursor: [showValues] } },
      chartData(latest.current, isLog),
      host,
    );
    const resize = new ResizeObserver(() => made.setSize({ width: host.clientWidth, height: HEIGHT }));
    resize.observe(host);
    plot.current = made;
    return () => {
      resize.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [names, palette, isLog, syncKey, stages, legend]);

  useEffect(() => {
    if (plot.current) feed(plot.current, chartData(aligned, isLog));
    writeLegend(legend.current, aligned, plot.current?.cursor.idx ?? null);
  }, [aligned, isLog, legend]);

  return frame;
}

/** Give a plot new data; what a person has zoomed into stays in view. */
function feed(plot: uPlot, data: uPlot.AlignedData): void {
  const steps = plot.data[0] as readonly number[];
  const { min, max } = plot.scales.x ?? {};
  const isScaled = typeof min === "number" && typeof max === "number" && steps.length > 1;
  const isZoomed = isScaled && (min > (steps[0] ?? min) || max < (steps.at(-1) ?? max));
  plot.setData(data, !isZoomed);
  if (isZoomed) plot.redraw();
}

/** Write the values under the cursor, or the last ones, without a render for each move of the mouse. */
function writeLegend(legend: HTMLUListElement | null, { steps, lines }: Aligned, index: number | null): void {
  if (!legend) return;
  const outputs = legend.querySelectorAll("output");
  lines.forEach(({ values }, line) => {
    const value = index === null ? values.findLast((each) => each !== null) : findBefore(values, index);
    const output = outputs[line];
    if (output) output.textContent = formatNumber(value ?? null);
  });
  legend.dataset.step = index === null ? "" : `step ${formatNumber(steps[index] ?? null)}`;
}

function findBefore(values: readonly (number | null)[], index: number): number | null {
  return values.slice(0, index + 1).findLast((value) => value !== null) ?? null;
}

function describe(title: string, { steps, lines }: Aligned): string {
  const ends = lines.map(({ key, values }) => `${key} ends at ${formatNumber(values.findLast((each) => each !== null) ?? null)}`);
  return `${title} over ${formatNumber(steps.at(-1) ?? 0)} steps: ${ends.join(", ")}`;
}
