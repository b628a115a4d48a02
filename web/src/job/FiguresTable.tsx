/** What was measured on the student at the end. */

import type { JobDetail, MetricValue } from "../api/types";
import { formatBytes, formatDuration, formatNumber, formatPercent } from "../format";
import { isFinal, measureDuration } from "../jobStates";
import { Empty } from "../ui/Notice";
import { readSpec } from "./resolvedSpec";

/** Figures with a meaning of their own; every other one is shown as a plain number under its key. */
const KNOWN: Record<string, { title: string; show: (value: MetricValue) => string }> = {
  "test/accuracy": { title: "accuracy", show: formatPercent },
  "test/agreement": { title: "agreement with the teacher", show: formatPercent },
  "test/nll": { title: "negative log-likelihood", show: (value) => `${formatNumber(value)} nats` },
  "test/ece": { title: "calibration error", show: formatPercent },
  "cost/params": { title: "parameters", show: (value) => (typeof value === "number" ? value.toLocaleString("en") : formatNumber(value)) },
  "cost/size_bytes": { title: "size", show: (value) => (typeof value === "number" ? formatBytes(value) : formatNumber(value)) },
  "cost/flops": { title: "FLOPs of one sample", show: formatNumber },
  "cost/throughput_per_s": { title: "samples a second", show: formatNumber },
  "cost/latency_p90_ms": { title: "latency, 90th percentile", show: (value) => `${formatNumber(value)} ms` },
  "export/onnx_max_difference": { title: "difference of the ONNX export", show: formatNumber },
  "cost/trainable_params": { title: "trainable parameters", show: (value) => (typeof value === "number" ? value.toLocaleString("en") : formatNumber(value)) },
  "cost/peak_memory_bytes": { title: "GPU memory of one sample", show: (value) => (typeof value === "number" ? formatBytes(value) : formatNumber(value)) },
  "cost/latency_ms": { title: "latency of one sample", show: (value) => `${formatNumber(value)} ms` },
};

export function FiguresTable({ job }: { job: JobDetail }) {
  if (!job.figures || Object.keys(job.figures).length === 0) {
    return <Empty>{isFinal(job.state) ? "Nothing was measured." : "They are measured at the end."}</Empty>;
  }
  const { "test/accuracy": accuracy, ...others } = job.figures;
  const deviceSeconds = measureDeviceTime(job);
  const order = [...Object.keys(KNOWN), ...Object.keys(others).sort()];
  const rows = Object.entries(others).sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  return (
    <>
      {accuracy !== undefined && (
        <p className="headline-figure">
          <strong>{formatPercent(accuracy)}</strong> test accuracy
        </p>
      )}
      <table className="figures">
        <tbody>
          {rows.map(([key, value]) => (
            <tr key={key} data-key={key}>
              <th scope="row">{KNOWN[key]?.title ?? key}</th>
              <td>{(KNOWN[key]?.show ?? formatNumber)(value)}</td>
            </tr>
          ))}
          {deviceSeconds !== null && (
            <tr data-key="device-time">
              <th scope="row">device time of the job</th>
              <td>{formatDuration(deviceSeconds)}</td>
            </tr>
          )}
        </tbody>
      </table>
    </>
  );
}

/** Seconds from start to end, times the devices that the job held; null while it goes on. */
function measureDeviceTime(job: JobDetail): number | null {
  const seconds = job.finished_at === null ? null : measureDuration(job, 0);
  const { nodes = 1, devices = 1 } = readSpec(job).runtime;
  return seconds === null ? null : seconds * nodes * devices;
}
