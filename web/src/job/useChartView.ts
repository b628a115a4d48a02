/** How curves are looked at, all of it in the address: axis, zoom, scale, smoothing, band and filter. */

import { useCallback, useMemo } from "react";

import { navigate, useParam } from "../router";
import type { Axis, ChartWindow } from "./jobQueries";

export interface ChartView extends ChartWindow {
  isLog: boolean;
  /** Share of the past in each drawn value, from 0 (none) to below 1. */
  smoothing: number;
  hasBand: boolean;
  filter: string;
}

export const WHOLE_VIEW: ChartView = { x: "step", from: null, to: null, isLog: false, smoothing: 0, hasBand: true, filter: "" };
export const SMOOTHINGS = ["0", "0.6", "0.9", "0.97"] as const;

export function useChartView() {
  const [x] = useParam<Axis>("x", "step");
  const [from] = useParam<string>("from", "");
  const [to] = useParam<string>("to", "");
  const [scale, setScale] = useParam<string>("scale", "linear");
  const [smooth, setSmooth] = useParam<string>("smooth", "0");
  const [band, setBand] = useParam<string>("band", "on");
  const [filter, setFilter] = useParam<string>("metric", "");
  const view = useMemo<ChartView>(() => {
    const smoothing = Math.min(0.99, Math.max(0, Number(smooth) || 0));
    const axis = x === "time" ? "time" : "step";
    return { x: axis, from: readEnd(from, axis), to: readEnd(to, axis), isLog: scale === "log", smoothing, hasBand: band === "on", filter };
  }, [x, from, to, scale, smooth, band, filter]);
  const zoom = useCallback((low: string | null, high: string | null) => change({ from: low, to: high }), []);
  const setAxis = useCallback((axis: Axis) => change({ x: axis === "step" ? null : axis, from: null, to: null }), []);
  return { view, zoom, setAxis, setScale, setSmooth, setBand, setFilter };
}

/** An end of the zoom as the address has it; what is no step or time is none. */
function readEnd(text: string, axis: Axis): string | null {
  const isValid = axis === "step" ? /^\d{1,15}$/.test(text) : !Number.isNaN(Date.parse(text));
  return text && isValid ? text : null;
}

/** Change several values of the query at once. */
function change(values: Record<string, string | null>): void {
  const params = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) {
    if (value === null) params.delete(name);
    else params.set(name, value);
  }
  const query = params.toString();
  navigate(location.pathname + (query ? `?${query}` : ""), { replace: true });
}
