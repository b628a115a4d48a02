/** A sweep: what is varied, how its trials stand, which is the best, and how they lie to one another. */

import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { HoverContext } from "../compare/hover";
import { usePollInterval } from "../live/LiveProvider";
import { Link } from "../router";
import { Empty, Failure, Loading } from "../ui/Notice";
import { useTitle } from "../ui/useTitle";
import { BestTrial } from "./BestTrial";
import { sweepQuery, type SweepDetail } from "./queries";
import { SweepHeader } from "./SweepHeader";
import { SweepPlots } from "./SweepPlots";
import { TrialTable } from "./TrialTable";
import { describeAxis } from "./trials";

export function SweepPage({ id }: { id: string }) {
  const [pollOver, pollLive] = [usePollInterval(true), usePollInterval()];
  const sweep = useQuery({ ...sweepQuery(id), refetchInterval: ({ state }) => (state.data?.is_over ? pollOver : pollLive) });
  useTitle(sweep.data?.name ?? "Sweep");
  if (sweep.isError && !sweep.data) {
    return (
      <>
        <Failure error={sweep.error} onRetry={() => void sweep.refetch()} />
        <p>
          <Link href="/sweeps">See all sweeps</Link>
        </p>
      </>
    );
  }
  if (!sweep.data) return <Loading what="the sweep" />;
  return <Found sweep={sweep.data} />;
}

function Found({ sweep }: { sweep: SweepDetail }) {
  const [hovered, setHovered] = useState<string | null>(null);
  const hover = useMemo(() => ({ id: hovered, setId: setHovered }), [hovered]);
  return (
    <HoverContext value={hover}>
      <SweepHeader sweep={sweep} />
      <div className="sweep-cards">
        <section className="card" aria-label="What is varied">
          <h2>What is varied</h2>
          <dl className="facts">
            {Object.entries(sweep.axes).map(([pointer, axis]) => (
              <div key={pointer} className="facts-row" data-testid="sweep-axis">
                <dt>
                  <code>{pointer}</code>
                </dt>
                <dd dir="auto">{describeAxis(axis)}</dd>
              </div>
            ))}
          </dl>
        </section>
        <BestTrial sweep={sweep} />
      </div>
      {sweep.trials.length === 0 ? (
        <Empty>
          The jobs of all its trials have been deleted. <Link href="/sweeps">See all sweeps</Link>.
        </Empty>
      ) : (
        <>
          <TrialTable sweep={sweep} />
          <SweepPlots sweep={sweep} />
        </>
      )}
    </HoverContext>
  );
}
