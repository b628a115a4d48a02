/** The best jobs by a figure, with what they cost and what they gained over the same student without a teacher. */

import { useQuery } from "@tanstack/react-query";

import { usePollInterval } from "../live/LiveProvider";
import { nameMeasure } from "../measures";
import { Link, useParam } from "../router";
import { Empty, Failure, Loading } from "../ui/Notice";
import { useTitle } from "../ui/useTitle";
import { BoardChoice } from "./BoardChoice";
import { LeaderTable } from "./LeaderTable";
import { leaderboardQuery, type Leaderboard } from "./queries";

const MOST_COMPARED = 8;

export function LeaderboardPage() {
  useTitle("Leaderboard");
  const [metric, setMetric] = useParam<string>("metric", "test/accuracy");
  const [dataset, setDataset] = useParam<string>("dataset", "");
  const [limit, setLimit] = useParam<string>("limit", "20");
  const board = useQuery({ ...leaderboardQuery({ metric, dataset, limit }), refetchInterval: usePollInterval() });
  const figures = board.data?.data.flatMap(({ job }) => Object.keys(job.figures ?? {})) ?? [];
  return (
    <>
      <div className="page-head">
        <h1>Leaderboard</h1>
        <BoardChoice
          metric={metric}
          dataset={dataset}
          limit={limit}
          figures={figures}
          onMetric={setMetric}
          onDataset={setDataset}
          onLimit={setLimit}
        />
        <span className="spacer" />
        {board.data && !board.isError && <CompareLink board={board.data} />}
      </div>
      {board.isError && <Failure error={board.error} onRetry={() => void board.refetch()} />}
      {board.isPending && !board.isError && <Loading what="the leaderboard" />}
      {board.data && !board.isError && <Found board={board.data} isOld={board.isPlaceholderData} />}
    </>
  );
}

function CompareLink({ board: { data } }: { board: Leaderboard }) {
  const first = data.slice(0, MOST_COMPARED).map(({ job }) => job.id);
  if (first.length < 2) return null;
  return (
    <Link className="button" href={`/compare?ids=${first.join(",")}`}>
      Compare the first {first.length}
    </Link>
  );
}

function Found({ board, isOld }: { board: Leaderboard; isOld: boolean }) {
  const { data, metric, dataset, better } = board;
  if (data.length === 0) {
    return (
      <Empty>
        No job that succeeded{dataset && ` on ${dataset}`} has a value of <code>{metric}</code>. Jobs with an <code>evaluation</code> in their spec get one when they end:{" "}
        <Link href="/jobs/new">submit one</Link>, or choose another figure.
      </Empty>
    );
  }
  return (
    <>
      <p className="page-summary muted">
        Jobs that succeeded, by {nameMeasure(metric)}: {better} is better. Gains are over the same student trained without a teacher; bars are 95 % intervals around nought.
      </p>
      <LeaderTable board={board} isOld={isOld} />
    </>
  );
}
