/** The log of an attempt: live, followed until a person scrolls away. */

import { useMutation, useQuery } from "@tanstack/react-query";

import type { JobDetail } from "../api/types";
import { formatBytes } from "../format";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { useParam } from "../router";
import { Icon } from "../ui/Icon";
import { Empty, Failure, Loading } from "../ui/Notice";
import { AttemptChoice } from "./AttemptChoice";
import { downloadLog } from "./downloadLog";
import { LogLines } from "./LogLines";
import { logQuery } from "./logQuery";
import { readRest, type LogText } from "./logText";
import { useFollow } from "./useFollow";

export function LogView({ job }: { job: JobDetail }) {
  const [chosen, setChosen] = useParam<string>("attempt", "");
  const attempt = Number(chosen) || job.attempt;
  const isLive = !isFinal(job.state) && attempt === job.attempt;
  const log = useQuery({ ...logQuery(job.id, attempt), refetchInterval: usePollInterval(!isLive), enabled: attempt > 0 });
  const { scroller, isFollowing, setFollowing, onScroll } = useFollow(log.data);

  return (
    <div className="log">
      <div className="card-head">
        <h2>Log</h2>
        {job.attempt > 1 && <AttemptChoice count={job.attempt} chosen={attempt} onChoose={(next) => setChosen(String(next))} />}
        <span className="muted">{log.data && formatBytes(log.data.size)}</span>
        <span className="spacer" />
        {isLive && attempt > 0 && <FollowButton isFollowing={isFollowing} onChange={setFollowing} />}
        {attempt > 0 && <DownloadButton id={job.id} attempt={attempt} />}
      </div>
      <div
        className="log-scroller"
        data-testid="log-tail"
        ref={scroller}
        onScroll={onScroll}
        tabIndex={0}
        role="log"
        aria-live="off"
        aria-label={`Log of attempt ${attempt}`}
      >
        {attempt === 0 && <Empty>The log begins when a worker takes the job.</Empty>}
        {log.isError && <Failure error={log.error} onRetry={() => void log.refetch()} />}
        {attempt > 0 && log.isPending && <Loading what="the log" />}
        {log.data && <LogBody log={log.data} isLive={isLive} />}
      </div>
    </div>
  );
}

function LogBody({ log, isLive }: { log: LogText; isLive: boolean }) {
  if (log.size === 0) return <Empty>{isLive ? "Nothing is written yet." : "Nothing was written."}</Empty>;
  return (
    <>
      {log.start > 0 && <p className="log-cut">{formatBytes(log.start)} before this are not shown</p>}
      <LogLines lines={log.lines} rest={readRest(log)} />
    </>
  );
}

interface FollowProps {
  isFollowing: boolean;
  onChange: (isFollowing: boolean) => void;
}

function FollowButton({ isFollowing, onChange }: FollowProps) {
  return (
    <button type="button" className="button" aria-pressed={!isFollowing} onClick={() => onChange(!isFollowing)}>
      <Icon name={isFollowing ? "paused" : "down"} />
      {isFollowing ? "Pause" : "Follow"}
    </button>
  );
}

function DownloadButton({ id, attempt }: { id: string; attempt: number }) {
  const download = useMutation({ mutationFn: () => downloadLog(id, attempt) });
  return (
    <>
      {download.error && <span className="bad">{download.error.message}</span>}
      <button type="button" className="button" disabled={download.isPending} onClick={() => download.mutate()}>
        <Icon name="download" />
        Download log
      </button>
    </>
  );
}
