/** What share each term has in the objective, over time. */

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { eventsQuery } from "../api/queries";
import type { JobDetail } from "../api/types";
import { formatNumber, formatPercent } from "../format";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { Failure, Loading } from "../ui/Notice";
import { windowQuery } from "./jobQueries";
import { stackShares, type Layer } from "./stackShares";
import { readStages } from "./stageMarks";
import { WHOLE_VIEW } from "./useChartView";

const WIDTH = 1000;
const HEIGHT = 200;
const NUM_COLORS = 7;

export function ShareChart({ job, names }: { job: JobDetail; names: readonly string[] }) {
  const series = useQuery({ ...windowQuery(job.id, names, WHOLE_VIEW), refetchInterval: usePollInterval(isFinal(job.state)) });
  const events = useQuery(eventsQuery(job.id)).data;
  const stack = useMemo(() => stackShares(series.data ?? []), [series.data]);
  const marks = useMemo(() => readStages(events ?? []).slice(1), [events]);
  if (series.isError) return <Failure error={series.error} onRetry={() => void series.refetch()} />;
  if (!series.data) return <Loading what="the shares of the terms" />;
  if (stack.steps.length < 2) return null;
  const first = stack.steps[0] ?? 0;
  const last = stack.steps.at(-1) ?? 1;
  const across = (step: number) => ((step - first) / (last - first || 1)) * WIDTH;
  return (
    <section className="card" aria-label="Shares of the terms">
      <div className="card-head">
        <h2>Share of each term in the objective</h2>
        <span className="muted hint">weighted, by magnitude</span>
      </div>
      <svg className="shares" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={describe(stack.layers, last)}>
        {stack.layers.map((layer, index) => (
          <path key={layer.key} className={`share share-${(index % NUM_COLORS) + 1}`} d={trace(stack.steps.map(across), layer)} />
        ))}
        {marks.map(({ name, step }) => (
          <line key={name} className="share-mark" x1={across(step)} x2={across(step)} y1="0" y2={HEIGHT} />
        ))}
      </svg>
      <div className="share-axis muted">
        <span>step {formatNumber(first)}</span>
        <span>{formatNumber(last)}</span>
      </div>
      <ul className="share-words">
        {stack.layers.map(({ key, last: share }, index) => (
          <li key={key}>
            <span className={`share-swatch share-swatch-${(index % NUM_COLORS) + 1}`} aria-hidden="true" />
            <bdi>{key.slice("share/".length)}</bdi> <strong>{formatPercent(share)}</strong> <span className="muted">at the end</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The outline of an area: along its upper edge, and back along its lower one. */
function trace(places: readonly number[], { low, high }: Layer): string {
  const point = (at: number, value: number) => `${(places[at] ?? 0).toFixed(1)},${((1 - value) * HEIGHT).toFixed(1)}`;
  const upper = high.map((value, at) => point(at, value));
  const lower = low.map((value, at) => point(at, value)).reverse();
  return `M${[...upper, ...lower].join("L")}Z`;
}

function describe(layers: readonly Layer[], step: number): string {
  return `At step ${formatNumber(step)}: ${layers.map(({ key, last }) => `${key.slice("share/".length)} ${formatPercent(last)}`).join(", ")}`;
}
