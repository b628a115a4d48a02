/** A time as its age, with the exact time behind it. */

import { useNow } from "../clock";
import { formatAge, formatTime } from "../format";

export function Age({ time }: { time: string }) {
  const now = useNow();
  return (
    <time dateTime={time} title={formatTime(time)}>
      {formatAge(time, now)}
    </time>
  );
}
