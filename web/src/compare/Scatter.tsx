/** Jobs by two of their values; at first what the student costs against how good it is. */

import { colorOf } from "../job/chartOptions";
import { usePalette } from "../job/palette";
import { Link, useParam } from "../router";
import { Empty } from "../ui/Notice";
import { choosePair, type Axis, type Drawn } from "./axes";
import { useHover } from "./hover";
import { makeScale } from "./scale";

const WIDTH = 640;
const HEIGHT = 340;
const LEFT = 74;
const BOTTOM = 44;
const TOP = 10;
const RIGHT = 18;
const LONGEST_NAME = 48;

export function Scatter({ jobs, axes }: { jobs: readonly Drawn[]; axes: readonly Axis[] }) {
  const [namedX, setX] = useParam<string>("x", "");
  const [namedY, setY] = useParam<string>("y", "");
  const [x, y] = choosePair(axes, namedX, namedY);
  const numeric = axes.filter(({ isNumeric }) => isNumeric);
  return (
    <section className="compare-part">
      <div className="part-head">
        <h2>Scatter</h2>
        <AxisChoice label="across" axes={numeric} chosen={x} onChoose={setX} />
        <AxisChoice label="up" axes={numeric} chosen={y} onChoose={setY} />
      </div>
      {x && y ? <Plot jobs={jobs} x={x} y={y} /> : <Empty>Points appear when two numbers of the jobs are known.</Empty>}
    </section>
  );
}

interface ChoiceProps {
  label: string;
  axes: readonly Axis[];
  chosen: Axis | null;
  onChoose: (id: string) => void;
}

function AxisChoice({ label, axes, chosen, onChoose }: ChoiceProps) {
  return (
    <label className="choice">
      {label}
      <select value={chosen?.id ?? ""} onChange={(event) => onChoose(event.target.value)}>
        {axes.map(({ id, title }) => (
          <option key={id} value={id}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
}

function Plot({ jobs, x, y }: { jobs: readonly Drawn[]; x: Axis; y: Axis }) {
  const across = makeScale(x, 6);
  const up = makeScale(y, 5);
  const toX = (at: number) => LEFT + at * (WIDTH - LEFT - RIGHT);
  const toY = (at: number) => HEIGHT - BOTTOM - at * (HEIGHT - BOTTOM - TOP);
  const placed = jobs.flatMap((job, index) => {
    const at = across.place(x.values[job.id]);
    const height = up.place(y.values[job.id]);
    return at === null || height === null ? [] : [{ job, index, left: toX(at), top: toY(height) }];
  });
  const numLost = jobs.length - placed.length;
  return (
    <>
      <svg className="plot" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="group" aria-label={`${y.title} by ${x.title}`}>
        {across.ticks.map(({ at, text }) => (
          <g key={text}>
            <line className="grid" x1={toX(at)} x2={toX(at)} y1={TOP} y2={HEIGHT - BOTTOM} />
            <text x={toX(at)} y={HEIGHT - BOTTOM + 16} textAnchor="middle">
              {text}
            </text>
          </g>
        ))}
        {up.ticks.map(({ at, text }) => (
          <g key={text}>
            <line className="grid" x1={LEFT} x2={WIDTH - RIGHT} y1={toY(at)} y2={toY(at)} />
            <text x={LEFT - 8} y={toY(at) + 4} textAnchor="end">
              {text}
            </text>
          </g>
        ))}
        <text className="axis-title" x={(LEFT + WIDTH - RIGHT) / 2} y={HEIGHT - 6} textAnchor="middle">
          {x.title}
        </text>
        {placed.map((point) => (
          <Point key={point.job.id} {...point} x={x} y={y} />
        ))}
      </svg>
      {numLost > 0 && <p className="muted">{numLost === 1 ? "One job lacks" : `${numLost} jobs lack`} one of the two values.</p>}
    </>
  );
}

interface PointProps {
  job: Drawn;
  index: number;
  left: number;
  top: number;
  x: Axis;
  y: Axis;
}

function Point({ job, index, left, top, x, y }: PointProps) {
  const { hovered, over } = useHover();
  const palette = usePalette();
  const words = `${job.name}: ${y.title} ${y.show(y.values[job.id])}, ${x.title} ${x.show(x.values[job.id])}`;
  const isDim = hovered !== null && hovered !== job.id;
  return (
    <Link href={`/jobs/${job.id}`} aria-label={words} className={isDim ? "dim" : undefined} {...over(job.id)}>
      <title>{words}</title>
      <circle cx={left} cy={top} r={hovered === job.id ? 8 : 6} fill={colorOf(palette, index)} />
      {hovered === job.id && (
        <text className="point-name" x={left} y={top - 13} textAnchor={left > WIDTH / 2 ? "end" : "start"}>
          {job.name.slice(0, LONGEST_NAME)}
        </text>
      )}
    </Link>
  );
}
