/** All sweeps, the newest first. */

import { useInfiniteQuery } from "@tanstack/react-query";

import { usePollInterval } from "../live/LiveProvider";
import { nameMeasure } from "../measures";
import { Link } from "../router";
import { Age } from "../ui/Age";
import { LoadMore } from "../ui/LoadMore";
import { Empty, Failure, Loading } from "../ui/Notice";
import { TableFrame } from "../ui/TableFrame";
import { useTitle } from "../ui/useTitle";
import { sweepsQuery, type Sweep } from "./queries";
import { StateShares } from "./StateShares";
import { nameAxes } from "./trials";

export function SweepsPage() {
  useTitle("Sweeps");
  const query = useInfiniteQuery({ ...sweepsQuery(), refetchInterval: usePollInterval() });
  const sweeps = query.data?.pages.flatMap(({ data }) => data) ?? [];
  return (
    <>
      <div className="page-head">
        <h1>Sweeps</h1>
        <span className="spacer" />
        <Link className="button" href="/jobs/new?sweep=on">
          New sweep
        </Link>
      </div>
      {query.isError && <Failure error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <Loading what="sweeps" />}
      {query.isSuccess && sweeps.length === 0 && (
        <Empty>
          No sweep was submitted yet. A sweep runs one experiment under many settings and tells the best: <Link href="/jobs/new?sweep=on">write a spec and choose what is varied</Link>, or use{" "}
          <code>stillhouse sweep submit</code>.
        </Empty>
      )}
      {sweeps.length > 0 && <SweepTable sweeps={sweeps} />}
      <LoadMore list={query} />
    </>
  );
}

function SweepTable({ sweeps }: { sweeps: readonly Sweep[] }) {
  return (
    <TableFrame label="Sweeps">
      <table className="plain-table sweeps">
        <thead>
          <tr>
            <th scope="col">Sweep</th>
            <th scope="col">Varies</th>
            <th scope="col" className="number">
              Trials
            </th>
            <th scope="col">State</th>
            <th scope="col">Goal</th>
            <th scope="col">Created</th>
          </tr>
        </thead>
        <tbody>
          {sweeps.map((sweep) => (
            <tr key={sweep.id} data-testid="sweep" data-sweep={sweep.id}>
              <th scope="row" className="name-cell">
                <Link href={`/sweeps/${sweep.id}`} title={sweep.name} dir="auto">
                  {sweep.name}
                </Link>
                {sweep.halving && <span className="muted small">stops what lags</span>}
              </th>
              <td className="wrap-cell">
                <bdi>{[...nameAxes(Object.keys(sweep.axes)).values()].join(", ")}</bdi>
              </td>
              <td className="number">{sweep.num_trials}</td>
              <td>
                <StateShares states={sweep.states} />
              </td>
              <td>{sweep.metric ? nameMeasure(sweep.metric) : <span className="muted">none</span>}</td>
              <td>
                <Age time={sweep.created_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}
