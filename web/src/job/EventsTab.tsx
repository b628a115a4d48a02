/** The attempts of a job, and everything that happened to it, newest first. */

import type { JobDetail } from "../api/types";
import { AttemptTable } from "./AttemptTable";
import { EventList } from "./EventList";

export function EventsTab({ job }: { job: JobDetail }) {
  return (
    <div className="stack">
      <AttemptTable job={job} />
      <section className="card">
        <h2>Events</h2>
        <EventList job={job} />
      </section>
    </div>
  );
}
