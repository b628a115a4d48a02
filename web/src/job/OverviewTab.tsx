/** The page that a person keeps open: curves, figures, results, what happened last, and the end of the log. */

import type { JobDetail } from "../api/types";
import { ArtifactList } from "./ArtifactList";
import { Curves } from "./Curves";
import { EventList } from "./EventList";
import { FiguresTable } from "./FiguresTable";
import { LogView } from "./LogView";

const LATEST_EVENTS = 7;

export function OverviewTab({ job }: { job: JobDetail }) {
  return (
    <div className="overview">
      <section className="overview-curves" aria-label="Curves">
        <Curves job={job} />
      </section>
      <aside className="overview-side">
        <section className="card">
          <h2>Figures</h2>
          <FiguresTable job={job} />
        </section>
        <section className="card">
          <h2>Artifacts</h2>
          <ArtifactList job={job} />
        </section>
        <section className="card">
          <h2>Latest events</h2>
          <EventList job={job} most={LATEST_EVENTS} />
        </section>
      </aside>
      <section className="overview-log" aria-label="Log">
        <LogView job={job} />
      </section>
    </div>
  );
}
