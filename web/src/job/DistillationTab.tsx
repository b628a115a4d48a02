/** What became of the teaching: agreement, gains and losses by class, confusions, calibration, terms, and the price. */

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { artifactsQuery, metricsQuery } from "../api/queries";
import type { JobDetail } from "../api/types";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { Empty, Failure, Loading } from "../ui/Notice";
import { AgreementBar } from "./AgreementBar";
import { CalibrationChart } from "./CalibrationChart";
import { ChartGrid } from "./ChartGrid";
import { ClassGains } from "./ClassGains";
import { ConfusionView } from "./ConfusionView";
import type { Evaluation } from "./evaluation";
import { evaluationQuery } from "./jobQueries";
import { showShare, type MetricGroup } from "./metricGroups";
import { PriceChart } from "./PriceChart";
import { ShareChart } from "./ShareChart";
import { useChartView, WHOLE_VIEW } from "./useChartView";

const OVER_TIME: readonly MetricGroup[] = [
  { key: "val/agreement", title: "agreement with the teacher, validation", metrics: ["val/agreement"], isLoss: false, show: showShare },
  { key: "val/accuracy", title: "accuracy, validation", metrics: ["val/accuracy"], isLoss: false, show: showShare },
];

export function DistillationTab({ job }: { job: JobDetail }) {
  return (
    <div className="distillation">
      <OverTime job={job} />
      <EvaluationViews job={job} />
      <PriceChart job={job} />
    </div>
  );
}

/** What can be seen while the job runs. */
function OverTime({ job }: { job: JobDetail }) {
  const refetchInterval = usePollInterval(isFinal(job.state));
  const metrics = useQuery({ ...metricsQuery(job.id), refetchInterval });
  const { zoom } = useChartView();
  const known = useMemo(() => new Set(metrics.data?.map(({ key }) => key)), [metrics.data]);
  const groups = useMemo(() => OVER_TIME.filter(({ key }) => known.has(key)), [known]);
  const terms = useMemo(() => [...known].filter((key) => key.startsWith("share/")).sort(), [known]);
  if (metrics.isError) return <Failure error={metrics.error} onRetry={() => void metrics.refetch()} />;
  if (metrics.isPending) return <Loading what="curves" />;
  return (
    <>
      {!known.has("val/agreement") && (
        <p className="muted hint-line">
          Agreement over time is measured where a stage validates (<code>validate_on</code>), has a teacher, and{" "}
          <code>evaluation.metrics</code> names <code>agreement</code>.
        </p>
      )}
      {groups.length > 0 && <ChartGrid job={job} groups={groups} view={WHOLE_VIEW} onZoom={zoom} />}
      {terms.length > 0 && <ShareChart job={job} names={terms} />}
    </>
  );
}

/** What the evaluation at the end has found. */
function EvaluationViews({ job }: { job: JobDetail }) {
  const artifacts = useQuery({ ...artifactsQuery(job.id), refetchInterval: usePollInterval(isFinal(job.state)) });
  const artifact = artifacts.data?.find(({ kind }) => kind === "evaluation");
  const evaluation = useQuery({ ...evaluationQuery(artifact?.content_url ?? ""), enabled: artifact !== undefined });
  if (artifacts.isError) return <Failure error={artifacts.error} onRetry={() => void artifacts.refetch()} />;
  if (evaluation.isError) return <Failure error={evaluation.error} onRetry={() => void evaluation.refetch()} />;
  if (artifacts.data && !artifact) {
    return (
      <section className="card">
        <h2>Class by class</h2>
        <Empty>
          {isFinal(job.state)
            ? "The job left no evaluation.json: it was not evaluated on samples with classes, or did not come so far."
            : "Classes, confusions and calibration are measured when the last stage is over."}
        </Empty>
      </section>
    );
  }
  if (!evaluation.data) return <Loading what="the evaluation" />;
  return <Found evaluation={evaluation.data} />;
}

function Found({ evaluation }: { evaluation: Evaluation }) {
  return (
    <>
      {evaluation.teacher === null && (
        <p className="muted hint-line">There is no teacher to compare with: what follows holds the student against the labels alone.</p>
      )}
      {evaluation.agreement && <AgreementBar agreement={evaluation.agreement} numSamples={evaluation.num_samples} stream={evaluation.stream} />}
      <div className="distillation-pair">
        <ClassGains evaluation={evaluation} />
        <CalibrationChart evaluation={evaluation} />
      </div>
      <ConfusionView evaluation={evaluation} />
    </>
  );
}
