/** From values to places in a drawing, and round numbers to write beside it. */

import { isNumber, showPlain, type Axis } from "./axes";

const DECADES_SPREAD = 30;
const AIR = 0.06;
const STEPS = [1, 2, 5, 10];
const MOST_OVER = 0.75; // a third more marks than asked for do no harm

export interface Scale {
  /** The place of a value, from 0 to 1; null where it has none. */
  place: (value: unknown) => number | null;
  ticks: { at: number; text: string }[];
}

/** A scale over the values of an axis: of numbers, logarithmic where they span decades; else one place a word. */
export function makeScale(axis: Axis, numTicks: number): Scale {
  return axis.isNumeric ? scaleNumbers(axis, numTicks) : scaleWords(axis);
}

function scaleNumbers({ values, show }: Axis, numTicks: number): Scale {
  const numbers = Object.values(values).filter(isNumber);
  if (numbers.length === 0) return { place: () => null, ticks: [] };
  const low = Math.min(...numbers);
  const high = Math.max(...numbers);
  const isLog = low > 0 && high / low >= DECADES_SPREAD;
  const turn = isLog ? Math.log10 : (value: number) => value;
  const air = (turn(high) - turn(low)) * AIR || Math.abs(turn(high)) * 0.1 || 1;
  const start = turn(low) - air;
  const length = turn(high) + air - start;
  const place = (value: unknown) => (isNumber(value) && (!isLog || value > 0) ? (turn(value) - start) / length : null);
  const marks = isLog ? listDecades(start, start + length) : listRound(start, start + length, numTicks);
  return { place, ticks: marks.map((value) => ({ at: place(value)!, text: show(value) })) };
}

function scaleWords({ values, show }: Axis): Scale {
  const words = [...new Set(Object.values(values).map(showPlain))].sort();
  const at = new Map(words.map((word, index) => [word, (index + 0.5) / words.length]));
  const shown = new Map(Object.values(values).map((value) => [showPlain(value), show(value)]));
  return {
    place: (value) => (value === undefined ? null : (at.get(showPlain(value)) ?? null)),
    ticks: words.map((word) => ({ at: at.get(word)!, text: shown.get(word)! })),
  };
}

/** Round numbers between two, about so many. */
export function listRound(low: number, high: number, count: number): number[] {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * (STEPS.find((each) => each * power >= rough * MOST_OVER) ?? 10);
  const first = Math.ceil(low / step);
  const last = Math.floor(high / step);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

function listDecades(low: number, high: number): number[] {
  const powers = listRound(low, high, 5).filter(Number.isInteger);
  return (powers.length > 1 ? powers : listRound(low, high, 3)).map((power) => Number((10 ** power).toPrecision(2)));
}
