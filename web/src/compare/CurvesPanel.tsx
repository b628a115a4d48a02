/** Curves of all jobs, metric by metric. */

import { useQuery } from "@tanstack/react-query";

import type { Job } from "../api/types";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { nameMeasure } from "../measures";
import { useParam } from "../router";
import { Menu } from "../ui/Menu";
import { Empty, Failure, Loading } from "../ui/Notice";
import { Segments } from "../ui/Segments";
import { chooseCurves, listCurves, readList, readSmoothing } from "./compareView";
import { OverlayChart } from "./OverlayChart";
import { curvesQuery, type Measure } from "./queries";

const SHARE = /(accuracy|agreement|ece)$/;
const NO_CURVES = {};

export function CurvesPanel({ jobs, metrics }: { jobs: readonly Job[]; metrics: readonly Measure[] }) {
  const [named, setNamed] = useParam<string>("curves", "");
  const [smoothing, setSmoothing] = useParam<string>("smooth", "0");
  const [scale, setScale] = useParam<string>("scale", "linear");
  const offered = listCurves(metrics);
  const shown = chooseCurves(offered, readList(named));
  const numOver = jobs.filter(({ state }) => isFinal(state)).length;
  const refetchInterval = usePollInterval(numOver === jobs.length);
  const curves = useQuery({ ...curvesQuery(jobs.map(({ id }) => id), shown, numOver), refetchInterval });
  const turn = (key: string) => setNamed((shown.includes(key) ? shown.filter((each) => each !== key) : [...shown, key]).join(" "));

  return (
    <section className="compare-part">
      <div className="part-head">
        <h2>Curves</h2>
        <Menu label="Metrics" title="Metrics that are drawn">
          {() => (
            <ul className="checks">
              {offered.map((key) => (
                <li key={key}>
                  <label>
                    <input type="checkbox" checked={shown.includes(key)} onChange={() => turn(key)} /> {nameMeasure(key)}
                  </label>
                </li>
              ))}
            </ul>
          )}
        </Menu>
        <label className="slider">
          smoothing
          <input type="range" min="0" max="0.99" step="0.01" value={readSmoothing(smoothing)} onChange={(event) => setSmoothing(event.target.value)} />
          <output>{readSmoothing(smoothing).toFixed(2)}</output>
        </label>
        <Segments label="Scale of losses" options={["linear", "log"]} chosen={scale} onChoose={setScale} />
      </div>
      {curves.isError && <Failure error={curves.error} onRetry={() => void curves.refetch()} />}
      {curves.isLoading && <Loading what="curves" />}
      {offered.length === 0 && <Empty>None of the jobs has measured anything along the way yet.</Empty>}
      <div className="overlays">
        {curves.data &&
          shown.map((metric) => (
            <OverlayChart
              key={metric}
              metric={metric}
              jobs={jobs}
              curves={curves.data[metric] ?? NO_CURVES}
              smoothing={readSmoothing(smoothing)}
              isLog={scale === "log" && !SHARE.test(metric)}
            />
          ))}
      </div>
    </section>
  );
}
