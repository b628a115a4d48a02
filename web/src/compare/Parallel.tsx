/** Jobs as lines over several upright axes: what was set, what it cost, what came of it. */

import { colorOf, dashOf } from "../job/chartOptions";
import { usePalette } from "../job/palette";
import { useParam } from "../router";
import { Menu } from "../ui/Menu";
import { Empty } from "../ui/Notice";
import { chooseAxes, type Axis, type Drawn } from "./axes";
import { readList } from "./compareView";
import { useHover } from "./hover";
import { makeScale, type Scale } from "./scale";

const WIDTH = 1180;
const HEIGHT = 330;
const SIDE = 90;
const TOP = 34;
const BOTTOM = 14;
const MOST_TICKS = 8;
const LONGEST = 20;

interface Props {
  jobs: readonly Drawn[];
  axes: readonly Axis[];
  /** The axes that are drawn where the address names none. */
  usual?: readonly string[];
}

export function Parallel({ jobs, axes, usual = [] }: Props) {
  const [named, setNamed] = useParam<string>("axes", "");
  const shown = chooseAxes(axes, named ? readList(named) : usual);
  const ids = shown.map(({ id }) => id);
  const turn = (id: string) => setNamed((ids.includes(id) ? ids.filter((each) => each !== id) : [...ids, id]).join(" "));
  return (
    <section className="compare-part">
      <div className="part-head">
        <h2>Parallel coordinates</h2>
        <Menu label="Axes" title="Axes">
          {() => (
            <ul className="checks">
              {axes.map(({ id, title }) => (
                <li key={id}>
                  <label>
                    <input type="checkbox" checked={ids.includes(id)} onChange={() => turn(id)} /> {title}
                  </label>
                </li>
              ))}
            </ul>
          )}
        </Menu>
      </div>
      {shown.length > 1 ? <Lines jobs={jobs} axes={shown} /> : <Empty>Choose two axes or more.</Empty>}
    </section>
  );
}

interface Placed {
  axis: Axis;
  scale: Scale;
  left: number;
}

function Lines({ jobs, axes }: { jobs: readonly Drawn[]; axes: readonly Axis[] }) {
  const placed = axes.map((axis, index) => ({
    axis,
    scale: makeScale(axis, 4),
    left: SIDE + (index / (axes.length - 1)) * (WIDTH - 2 * SIDE),
  }));
  return (
    <svg className="plot parallel" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="group" aria-label={`Jobs by ${axes.map(({ title }) => title).join(", ")}`}>
      {jobs.map((job, index) => (
        <JobLine key={job.id} job={job} index={index} placed={placed} />
      ))}
      {placed.map((each) => (
        <Upright key={each.axis.id} {...each} />
      ))}
    </svg>
  );
}

function toY(at: number): number {
  return HEIGHT - BOTTOM - at * (HEIGHT - BOTTOM - TOP);
}

function Upright({ axis, scale, left }: Placed) {
  const ticks = scale.ticks.slice(0, MOST_TICKS);
  return (
    <g>
      <line className="upright" x1={left} x2={left} y1={TOP} y2={HEIGHT - BOTTOM} />
      <text className="axis-title" x={left} y="16" textAnchor="middle">
        <title>{axis.title}</title>
        {shorten(axis.title)}
      </text>
      {ticks.map(({ at, text }) => (
        <text key={text} x={left + 7} y={toY(at) + 4}>
          {shorten(text)}
        </text>
      ))}
    </g>
  );
}

function shorten(text: string): string {
  return text.length > LONGEST ? `…${text.slice(1 - LONGEST)}` : text;
}

function JobLine({ job, index, placed }: { job: Drawn; index: number; placed: readonly Placed[] }) {
  const { hovered, over } = useHover();
  const palette = usePalette();
  const points = placed.flatMap(({ axis, scale, left }) => {
    const at = scale.place(axis.values[job.id]);
    return at === null ? [] : [`${left.toFixed(1)},${toY(at).toFixed(1)}`];
  });
  const words = placed.map(({ axis }) => `${axis.title} ${axis.show(axis.values[job.id])}`).join(", ");
  const isDim = hovered !== null && hovered !== job.id;
  return (
    <g className={isDim ? "job-line dim" : "job-line"} {...over(job.id)}>
      <title>{`${job.name}: ${words}`}</title>
      <polyline className="reach" points={points.join(" ")} />
      <polyline
        points={points.join(" ")}
        stroke={colorOf(palette, index)}
        strokeWidth={hovered === job.id ? 3.5 : 1.8}
        strokeDasharray={dashOf(index).join(" ")}
      />
    </g>
  );
}
