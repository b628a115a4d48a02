/** The hosts that run jobs: their devices and what runs on each, when they were heard of, and how to empty one. */

import { useQuery } from "@tanstack/react-query";

import { usePollInterval } from "../live/LiveProvider";
import { useParam } from "../router";
import { useMay } from "../session/useMay";
import { NeedsScope } from "../ui/NeedsScope";
import { Empty, Failure, Loading } from "../ui/Notice";
import { SearchField } from "../ui/SearchField";
import { Segments } from "../ui/Segments";
import { useTitle } from "../ui/useTitle";
import { workersQuery, type Worker } from "./queries";
import { WorkerCard } from "./WorkerCard";

export function WorkersPage() {
  useTitle("Workers");
  const [shown, setShown] = useParam<string>("show", "live");
  const [text, setText] = useParam<string>("q", "");
  const mayAdmin = useMay("admin");
  const workers = useQuery({ ...workersQuery(), refetchInterval: usePollInterval() });
  const all = workers.data ?? [];
  const live = all.filter(({ is_live }) => is_live);
  const found = (shown === "all" ? all : live).filter((worker) => fits(worker, text));
  return (
    <>
      <div className="page-head">
        <h1>Workers</h1>
        <Segments
          label="Which workers"
          options={[["live", `alive (${live.length})`] as const, ["all", `all (${all.length})`] as const]}
          chosen={shown === "all" ? "all" : "live"}
          onChoose={setShown}
        />
        <span className="spacer" />
        <SearchField label="Search by host or device" text={text} onText={setText} />
      </div>
      {workers.isError && <Failure error={workers.error} onRetry={() => void workers.refetch()} />}
      {workers.isPending && <Loading what="the workers" />}
      {workers.data && all.length > 0 && !mayAdmin && <NeedsScope scope="admin" what="drain workers" />}
      {workers.data && found.length === 0 && (
        <Empty>
          {text ? "No worker fits this search." : "No worker lives, so nothing can run."}{" "}
          {!text && (
            <>
              Start one on a host with devices: <code>stillhouse worker</code>; on a single machine <code>stillhouse up</code> starts server and worker.
            </>
          )}
        </Empty>
      )}
      {live.length > 0 && <Summary workers={live} />}
      <div className="worker-cards">
        {found.map((worker) => (
          <WorkerCard key={worker.id} worker={worker} mayAdmin={mayAdmin} />
        ))}
      </div>
    </>
  );
}

function fits({ host, pool, devices }: Worker, text: string): boolean {
  return [host, pool, ...devices.map(({ name }) => name)].join(" ").toLowerCase().includes(text.toLowerCase());
}

function Summary({ workers }: { workers: readonly Worker[] }) {
  const devices = workers.flatMap((worker) => worker.devices);
  const busy = devices.filter(({ is_held }) => is_held).length;
  return (
    <p className="page-summary">
      <b>{busy}</b> of <b>{devices.length}</b> {devices.length === 1 ? "device is" : "devices are"} busy on {workers.length} {workers.length === 1 ? "host" : "hosts"}
    </p>
  );
}
