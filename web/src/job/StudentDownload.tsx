/** The button that most people come for: the student's weights. */

import { useQuery } from "@tanstack/react-query";

import { artifactsQuery } from "../api/queries";
import type { JobDetail } from "../api/types";
import { formatBytes } from "../format";
import { Icon } from "../ui/Icon";

export function StudentDownload({ job }: { job: Pick<JobDetail, "id"> }) {
  const student = useQuery(artifactsQuery(job.id)).data?.find(({ kind }) => kind === "student");
  if (!student) return null;
  return (
    <a
      className="button button-primary student-download"
      href={student.content_url}
      download={student.name}
      data-testid="artifact-download"
      data-kind="student"
    >
      <Icon name="download" />
      Download the student
      <span className="student-size">{formatBytes(student.size)}</span>
    </a>
  );
}
