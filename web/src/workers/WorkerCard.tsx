/** One worker. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { formatBytes, formatWord } from "../format";
import { queueQuery } from "../queue/queries";
import { Link } from "../router";
import { Age } from "../ui/Age";
import { ArmedButton } from "../ui/ArmedButton";
import { TableFrame } from "../ui/TableFrame";
import { drainWorker, undrainWorker, WORKERS, type Worker } from "./queries";

const LIMIT = 200;

export function WorkerCard({ worker, mayAdmin }: { worker: Worker; mayAdmin: boolean }) {
  return (
    <section className="card worker-card" data-testid="worker" data-worker={worker.id} aria-label={`Worker on ${worker.host}`}>
      <div className="card-head">
        <h2 dir="auto">{worker.host}</h2>
        <Standing worker={worker} />
        <span className="spacer" />
        {mayAdmin && worker.is_live && <DrainButtons worker={worker} />}
      </div>
      <dl className="facts facts-inline">
        <Fact name="pool">{worker.pool}</Fact>
        <Fact name="last heard">
          <Age time={worker.heartbeat_at} />
        </Fact>
        <Fact name="started">
          <Age time={worker.started_at} />
        </Fact>
        <Fact name="version">{worker.version}</Fact>
        {Object.entries(worker.facts).filter(([, value]) => typeof value !== "object").map(([name, value]) => (
          <Fact key={name} name={formatWord(name.replace(/_bytes$/, ""))}>
            {name.endsWith("_bytes") && typeof value === "number" ? formatBytes(value) : String(value)}
          </Fact>
        ))}
      </dl>
      <Devices worker={worker} />
    </section>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Standing({ worker }: { worker: Worker }) {
  if (worker.stopped_at) return <span className="pill">stopped</span>;
  if (!worker.is_live) return <span className="pill pill-failed">not heard of</span>;
  if (worker.is_draining) return <span className="pill pill-queued">{worker.clear_requested_at ? "draining at once" : "draining"}</span>;
  return <span className="pill pill-succeeded">alive</span>;
}

function DrainButtons({ worker }: { worker: Worker }) {
  const client = useQueryClient();
  const ask = useMutation({
    mutationFn: (what: "drain" | "clear" | "undrain") =>
      what === "undrain" ? undrainWorker(worker.id) : drainWorker(worker.id, what === "clear"),
    onSettled: () => client.invalidateQueries({ queryKey: WORKERS }),
  });
  const isBusy = worker.devices.some((device) => device.is_held);
  return (
    <span className="card-buttons">
      {ask.error && (
        <span className="bad" role="alert">
          {ask.error.message}
        </span>
      )}
      {worker.is_draining ? (
        <button type="button" className="button" disabled={ask.isPending} onClick={() => ask.mutate("undrain")}>
          Let it get jobs again
        </button>
      ) : (
        <ArmedButton label="Drain" armed="Click again: no more jobs here" about={worker.host} disabled={ask.isPending} onConfirm={() => ask.mutate("drain")} />
      )}
      {isBusy && !worker.clear_requested_at && (
        <ArmedButton
          label="Drain at once"
          armed="Click again: its jobs are saved and go on elsewhere"
          about={worker.host}
          disabled={ask.isPending}
          onConfirm={() => ask.mutate("clear")}
        />
      )}
    </span>
  );
}

function Devices({ worker }: { worker: Worker }) {
  const running = useQuery({ ...queueQuery("", LIMIT), enabled: worker.devices.some(({ job_id }) => job_id !== null) });
  const names = new Map(running.data?.data.map(({ job_id, name }) => [job_id, name]));
  if (worker.devices.length === 0) return <p className="muted">It has no device.</p>;
  return (
    <TableFrame label={`Devices of ${worker.host}`}>
      <table className="plain-table">
        <thead>
          <tr>
            <th scope="col">Device</th>
            <th scope="col">Name</th>
            <th scope="col">Memory</th>
            <th scope="col">Runs</th>
          </tr>
        </thead>
        <tbody>
          {worker.devices.map((device) => (
            <tr key={`${device.kind}${device.index}`}>
              <td>
                {device.kind} {device.index}
              </td>
              <td className="wrap-cell">{device.name}</td>
              <td className="number">{device.memory_bytes ? formatBytes(device.memory_bytes) : "–"}</td>
              <td className="name-cell">
                {device.job_id ? (
                  <Link href={`/jobs/${device.job_id}`} dir="auto">
                    {names.get(device.job_id) ?? device.job_id}
                  </Link>
                ) : (
                  <span className="muted">{device.is_held ? "a job of another project" : "nothing"}</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}
