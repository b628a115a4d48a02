/** Everything that happened to a job, newest first. */

import type { JobDetail } from "../api/types";
import { EventList } from "./EventList";

export function EventsTab({ job }: { job: JobDetail }) {
  return (
    <section className="card">
      <h2>Timeline</h2>
      <EventList job={job} />
    </section>
  );
}
