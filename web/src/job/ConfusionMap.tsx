/** A heat map of a confusion, drawn on a canvas; a cell is read with the mouse or the arrow keys. */

import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type MouseEvent } from "react";

import { formatPercent } from "../format";
import { usePalette } from "./palette";

const MOST_PX = 640;
const LEAST_CELL_PX = 5;
const MOST_CELL_PX = 44;
const NUMBER_PX = 22;
const MOST_LETTERS = 12;
const MOST_SHRUNK = 30;
const LETTER_PX = 6.5;
const LEAST_NAMES_PX = 24;

interface Props {
  counts: readonly (readonly number[])[];
  nameOf: (number: number) => string;
  row: string;
  column: string;
  title: string;
}

interface Place {
  row: number;
  column: number;
}

export function ConfusionMap({ counts, nameOf, row, column, title }: Props) {
  const size = counts.length;
  const canvas = useRef<HTMLCanvasElement>(null);
  const palette = usePalette();
  const [place, setPlace] = useState<Place | null>(null);
  const names = useMemo(() => counts.map((_, number) => shorten(nameOf(number))), [counts, nameOf]);
  const edge = Math.max(LEAST_NAMES_PX, ...names.map(({ length }) => length * LETTER_PX + 12));
  const cell = Math.max(LEAST_CELL_PX, Math.min(MOST_CELL_PX, Math.floor(MOST_PX / size)));

  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (canvas.current && context) draw(canvas.current, context, { counts, names, edge, cell, place });
  }, [counts, names, edge, cell, place, palette]);

  const find = (event: MouseEvent<HTMLCanvasElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const scale = (edge + size * cell) / box.width;
    const found = {
      row: Math.floor(((event.clientY - box.top) * scale - edge) / cell),
      column: Math.floor(((event.clientX - box.left) * scale - edge) / cell),
    };
    const isInside = Math.min(found.row, found.column) >= 0 && Math.max(found.row, found.column) < size;
    setPlace(isInside ? found : null);
  };
  const walk = (event: KeyboardEvent) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const from = place ?? { row: 0, column: 0 };
    setPlace({ row: clamp(from.row + (step[0] ?? 0), size), column: clamp(from.column + (step[1] ?? 0), size) });
  };

  return (
    <div className="confusion">
      <div className="confusion-scroller">
        <canvas
          ref={canvas}
          role="img"
          tabIndex={0}
          aria-label={`${title}: ${size} classes. Arrow keys walk through the cells; the table form lists what is confused.`}
          onMouseMove={find}
          onMouseLeave={() => setPlace(null)}
          onKeyDown={walk}
        />
      </div>
      <div className="confusion-side">
        <p className="muted">
          Rows: {row}. Columns: {column}. Each row is coloured by its own samples; the diagonal is grey, what is confused is orange.
        </p>
        <output className="confusion-words" aria-live="polite">
          {place ? describe(counts, nameOf, place, row, column) : "Point at a cell, or walk with the arrow keys."}
        </output>
      </div>
    </div>
  );
}

function describe(counts: Props["counts"], nameOf: Props["nameOf"], place: Place, row: string, column: string): string {
  const count = counts[place.row]?.[place.column] ?? 0;
  const total = counts[place.row]?.reduce((sum, each) => sum + each, 0) ?? 0;
  const share = total > 0 ? `, ${formatPercent(count / total)} of its row` : "";
  return `${row} ${nameOf(place.row)}, ${column} ${nameOf(place.column)}: ${count} ${count === 1 ? "sample" : "samples"}${share}`;
}

interface Drawing {
  counts: Props["counts"];
  names: readonly string[];
  /** Pixels before the cells, for the names. */
  edge: number;
  cell: number;
  place: Place | null;
}

function draw(canvas: HTMLCanvasElement, context: CanvasRenderingContext2D, drawing: Drawing): void {
  const { counts, edge, cell } = drawing;
  const ratio = devicePixelRatio || 1;
  const side = edge + counts.length * cell;
  canvas.width = canvas.height = Math.round(side * ratio);
  canvas.style.width = `${side}px`;
  canvas.style.maxWidth = counts.length <= MOST_SHRUNK ? "100%" : "none"; // of more, cells would be too small to see
  const style = getComputedStyle(canvas);
  const read = (name: string) => style.getPropertyValue(name).trim();
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, side, side);
  context.translate(edge, edge);
  drawCells(context, drawing, { right: read("--series-7"), wrong: read("--series-2"), empty: read("--sunken"), text: read("--text") });
  drawNames(context, drawing, read("--muted"));
  drawPlace(context, drawing, read("--focus"));
}

function drawCells(context: CanvasRenderingContext2D, { counts, cell }: Drawing, colors: Record<"right" | "wrong" | "empty" | "text", string>): void {
  const gap = cell > 8 ? 1 : 0;
  context.font = `${Math.min(12, cell / 2.4)}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  counts.forEach((row, y) => {
    const total = row.reduce((sum, each) => sum + each, 0);
    row.forEach((count, x) => {
      context.globalAlpha = 1;
      context.fillStyle = colors.empty;
      context.fillRect(x * cell, y * cell, cell - gap, cell - gap);
      if (count === 0) return;
      context.globalAlpha = x === y ? 0.1 + 0.4 * (count / total) : 0.25 + 0.75 * Math.sqrt(count / total);
      context.fillStyle = x === y ? colors.right : colors.wrong;
      context.fillRect(x * cell, y * cell, cell - gap, cell - gap);
      if (cell < NUMBER_PX) return;
      context.globalAlpha = 1;
      context.fillStyle = colors.text;
      context.fillText(String(count), x * cell + cell / 2, y * cell + cell / 2);
    });
  });
  context.globalAlpha = 1;
}

/** The names of the classes, as many as there is room for. */
function drawNames(context: CanvasRenderingContext2D, { counts, names, cell }: Drawing, color: string): void {
  const every = Math.max(1, Math.ceil(13 / cell));
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = color;
  context.textBaseline = "middle";
  for (let number = 0; number < counts.length; number += every) {
    const text = names[number] ?? "";
    const middle = number * cell + cell / 2;
    context.textAlign = "right";
    context.fillText(text, -6, middle);
    context.save();
    context.translate(middle, -6);
    context.rotate(-Math.PI / 2);
    context.textAlign = "left";
    context.fillText(text, 0, 0);
    context.restore();
  }
}

function drawPlace(context: CanvasRenderingContext2D, { cell, place }: Drawing, color: string): void {
  if (!place) return;
  context.strokeStyle = color;
  context.lineWidth = 2;
  context.strokeRect(place.column * cell - 1, place.row * cell - 1, cell + 1, cell + 1);
}

function clamp(value: number, size: number): number {
  return Math.min(size - 1, Math.max(0, value));
}

function shorten(name: string): string {
  return name.length > MOST_LETTERS ? `${name.slice(0, MOST_LETTERS)}…` : name;
}
