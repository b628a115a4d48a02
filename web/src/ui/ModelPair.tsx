/** Teachers and student in one line: "resnet20 → resnet8". */

import type { JobSummary } from "../api/types";
import { Icon } from "./Icon";

export function ModelPair({ summary: { student, teachers = [], datasets = [] } }: { summary: JobSummary }) {
  if (!student) return null;
  return (
    <span className="model-pair">
      {teachers.length > 0 && (
        <>
          <span title="teacher">{teachers.join(" + ")}</span>
          <Icon name="arrow" />
          <span className="visually-hidden">teaches</span>
        </>
      )}
      <b title="student">{student}</b>
      {teachers.length === 0 && <span className="muted">without a teacher</span>}
      {datasets.length > 0 && <span className="muted">on {datasets.join(", ")}</span>}
    </span>
  );
}
