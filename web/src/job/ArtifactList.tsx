/** Results to download, with size and checksum. */

import { useQuery } from "@tanstack/react-query";

import { artifactsQuery } from "../api/queries";
import type { Artifact, JobDetail } from "../api/types";
import { formatBytes } from "../format";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { CopyButton } from "../ui/CopyButton";
import { Icon } from "../ui/Icon";
import { Empty, Failure, Loading } from "../ui/Notice";

const SHORT_DIGITS = 12;

interface Props {
  job: JobDetail;
  /** Whether whole checksums are shown. */
  isFull?: boolean;
}

export function ArtifactList({ job, isFull = false }: Props) {
  const artifacts = useQuery({ ...artifactsQuery(job.id), refetchInterval: usePollInterval(isFinal(job.state)) });
  if (artifacts.isError) return <Failure error={artifacts.error} onRetry={() => void artifacts.refetch()} />;
  if (!artifacts.data) return <Loading what="artifacts" />;
  if (artifacts.data.length === 0) {
    return <Empty>{isFinal(job.state) ? "The job left none." : "They come when the job has succeeded."}</Empty>;
  }
  return (
    <ul className={`artifacts ${isFull ? "artifacts-full" : ""}`}>
      {artifacts.data.map((artifact) => (
        <ArtifactItem key={artifact.id} artifact={artifact} isFull={isFull} />
      ))}
    </ul>
  );
}

function ArtifactItem({ artifact, isFull }: { artifact: Artifact; isFull: boolean }) {
  return (
    <li>
      <div className="artifact-words">
        <span className="artifact-name">{artifact.name}</span>
        <span className="artifact-facts">
          {artifact.kind} · {formatBytes(artifact.size)}
        </span>
        <span className="sha" title={`sha256 ${artifact.sha256}`}>
          <code>sha256 {isFull ? artifact.sha256 : `${artifact.sha256.slice(0, SHORT_DIGITS)}…`}</code>
          <CopyButton text={artifact.sha256} label={`Copy the sha256 of ${artifact.name}`} />
        </span>
        {isFull && <code className="artifact-id">{artifact.id}</code>}
      </div>
      <a
        className="button"
        href={artifact.content_url}
        download={artifact.name}
        aria-label={`Download ${artifact.name}`}
        data-testid="artifact-download"
        data-kind={artifact.kind}
      >
        <Icon name="download" />
        Download
      </a>
    </li>
  );
}
