/** The log of an attempt: live, followed until a person scrolls away, and searched. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useDeferredValue, useMemo, useState } from "react";

import type { JobDetail } from "../api/types";
import { formatBytes } from "../format";
import { isFinal } from "../jobStates";
import { usePollInterval } from "../live/LiveProvider";
import { useParam } from "../router";
import { Icon } from "../ui/Icon";
import { Empty, Failure, Loading } from "../ui/Notice";
import { downloadLog } from "./downloadLog";
import { logQuery, readEarlier, type LogPlace } from "./logQuery";
import { LogScroller } from "./LogScroller";
import { LogSearchBar } from "./LogSearchBar";
import { findLines, stepMatch } from "./logSearch";
import type { LogText } from "./logText";
import { NumberChoice } from "./NumberChoice";
import { readSpec } from "./resolvedSpec";

/** Bytes that a search reads back at most by itself; beyond them a person asks again. */
const MOST_READ_BACK = 16 * 1024 * 1024;
/** Bytes that a page holds at most of a log; what lies before them is for the downloaded file. */
const MOST_HELD = 64 * 1024 * 1024;

interface Props {
  job: JobDetail;
  /** Whether only the end is shown, without the search. */
  isBrief?: boolean;
}

export function LogView({ job, isBrief = false }: Props) {
  const [chosen, setChosen] = useParam<string>("attempt", "");
  const [node, setNode] = useParam<string>("node", "0");
  const attempt = Number(chosen) || job.attempt;
  const numNodes = readSpec(job).runtime.nodes ?? 1;
  const place = useMemo(() => ({ id: job.id, attempt, node: Math.min(Number(node) || 0, numNodes - 1) }), [job.id, attempt, node, numNodes]);
  const isLive = !isFinal(job.state) && attempt === job.attempt;
  const log = useQuery({ ...logQuery(place), refetchInterval: usePollInterval(!isLive), enabled: attempt > 0 });
  const [isFollowing, setFollowing] = useState(true);

  return (
    <div className="log">
      <div className="card-head">
        <h2>Log</h2>
        {job.attempt > 1 && <NumberChoice title="Attempt" first={1} count={job.attempt} chosen={attempt} onChoose={(next) => setChosen(String(next))} />}
        {numNodes > 1 && <NumberChoice title="Node" first={0} count={numNodes} chosen={place.node} onChoose={(next) => setNode(String(next))} />}
        <span className="muted">{log.data && formatBytes(log.data.size)}</span>
        <span className="spacer" />
        {isLive && attempt > 0 && <FollowButton isFollowing={isFollowing} onChange={setFollowing} />}
        {attempt > 0 && <DownloadButton place={place} />}
      </div>
      {attempt === 0 && <Empty>The log begins when a worker takes the job.</Empty>}
      {log.isError && <Failure error={log.error} onRetry={() => void log.refetch()} />}
      {attempt > 0 && log.isPending && <Loading what="the log" />}
      {log.data && <LogBody log={log.data} place={place} {...{ isLive, isBrief, isFollowing, setFollowing }} />}
    </div>
  );
}

interface BodyProps {
  log: LogText;
  place: LogPlace;
  isLive: boolean;
  isBrief: boolean;
  isFollowing: boolean;
  setFollowing: (isFollowing: boolean) => void;
}

function LogBody({ log, place, isLive, isBrief, isFollowing, setFollowing }: BodyProps) {
  const client = useQueryClient();
  const [text, setText] = useParam<string>("find", "");
  const search = useDeferredValue(isBrief ? "" : text);
  const [current, setCurrent] = useState<number | null>(null);
  const matches = useMemo(() => findLines(log.lines, search), [log.lines, search]);
  const reading = useMutation({
    mutationFn: () => readEarlier(client, place, MOST_READ_BACK, (lines) => !search || findLines(lines, search).length > 0),
  });

  if (log.size === 0) return <Empty>{isLive ? "Nothing is written yet." : "Nothing was written."}</Empty>;
  // The match is kept by the line's number: lines that are read before it move its place.
  const at = current === null ? null : matches.find((each) => log.lines[each]?.number === current) ?? null;
  const step = (direction: 1 | -1) => {
    const next = stepMatch(matches, at, direction);
    setFollowing(false);
    setCurrent(next === null ? null : (log.lines[next]?.number ?? null));
  };
  const readMore = () => {
    setFollowing(false);
    reading.mutate();
  };
  const canReadMore = log.start > 0 && log.next - log.start < MOST_HELD;
  return (
    <>
      {!isBrief && (
        <LogSearchBar
          text={text}
          count={matches.length}
          at={at === null ? 0 : matches.indexOf(at) + 1}
          unread={canReadMore ? formatBytes(log.start) : null}
          isReading={reading.isPending}
          onChange={(next) => {
            setCurrent(null);
            setText(next);
          }}
          onStep={step}
          onReadMore={readMore}
        />
      )}
      {!isBrief && log.start > 0 && !canReadMore && (
        <p className="muted">{formatBytes(log.start)} before this are more than a page should hold: download the log to read them.</p>
      )}
      {reading.error && <Failure error={reading.error} onRetry={() => reading.mutate()} />}
      <LogScroller
        key={`${place.attempt} ${place.node}`}
        log={log}
        label={`Log of attempt ${place.attempt}`}
        search={search}
        current={at}
        isFollowing={isFollowing}
        onFollow={setFollowing}
      />
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

function DownloadButton({ place }: { place: LogPlace }) {
  const download = useMutation({ mutationFn: () => downloadLog(place) });
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
