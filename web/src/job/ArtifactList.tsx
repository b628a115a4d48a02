/** Results to download, with what they are, size, checksum, and how they are loaded. */

import type { Artifact } from "../api/types";
import { formatBytes } from "../format";
import { CopyButton } from "../ui/CopyButton";
import { Icon } from "../ui/Icon";
import { describeKind, writeLoading } from "./artifactKinds";

export function ArtifactList({ artifacts }: { artifacts: readonly Artifact[] }) {
  return (
    <ul className="artifacts artifacts-full">
      {artifacts.map((artifact) => (
        <ArtifactItem key={artifact.id} artifact={artifact} />
      ))}
    </ul>
  );
}

function ArtifactItem({ artifact }: { artifact: Artifact }) {
  const code = writeLoading(artifact);
  return (
    <li>
      <div className="artifact-words">
        <span className="artifact-name">
          <bdi>{artifact.name}</bdi>
        </span>
        <span className="artifact-facts">
          {describeKind(artifact)} · {formatBytes(artifact.size)}
          {artifact.attempt > 1 && ` · attempt ${artifact.attempt}`}
        </span>
        <span className="sha">
          <code>sha256 {artifact.sha256}</code>
          <CopyButton text={artifact.sha256} label={`Copy the sha256 of ${artifact.name}`} />
        </span>
        <span className="sha">
          <code className="artifact-id">{artifact.id}</code>
          <CopyButton text={artifact.id} label={`Copy the id of ${artifact.name}`} />
        </span>
        {code && (
          <details className="loading-code">
            <summary>How to load it</summary>
            <div className="code-frame">
              <pre className="code" tabIndex={0} aria-label={`Python that loads ${artifact.name}`}>
                <code>{code}</code>
              </pre>
              <CopyButton text={code} label={`Copy the code that loads ${artifact.name}`} />
            </div>
          </details>
        )}
      </div>
      <a
        className={`button ${artifact.kind === "student" ? "button-primary" : ""}`}
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
