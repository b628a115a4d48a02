/** The dashboard's stream: an EventSource that comes back by itself, with growing pauses. */

import type { Hint } from "../api/types";

export const STREAM_URL = "/v1/stream";
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000; // pages ask by themselves meanwhile, every few seconds

export interface HintListener {
  onHint(hint: Hint): void;
  onLive(isLive: boolean): void;
}

/** Opens the stream, and opens it again whenever it is lost, until it is stopped. */
export class HintSource {
  private source: EventSource | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private losses = 0;
  isLive = false;

  constructor(
    private readonly listener: HintListener,
    private readonly url: string = STREAM_URL,
  ) {}

  start(): void {
    if (this.source) return;
    clearTimeout(this.timer);
    this.source = new EventSource(this.url);
    this.source.onopen = () => {
      this.losses = 0;
      this.report(true);
    };
    this.source.onerror = () => this.retry();
    this.source.addEventListener("hint", (event) => this.listener.onHint(JSON.parse(event.data as string) as Hint));
  }

  stop(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
    this.losses = 0;
    this.isLive = false;
  }

  private retry(): void {
    this.source?.close();
    this.source = null;
    this.report(false);
    this.timer = setTimeout(() => this.start(), choosePause(this.losses++));
  }

  private report(isLive: boolean): void {
    this.isLive = isLive;
    this.listener.onLive(isLive);
  }
}

/** Return the milliseconds to wait before the next try: doubling, bounded, and spread by up to a quarter. */
export function choosePause(losses: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** losses, LONGEST_PAUSE_MS) * (0.75 + Math.random() / 4);
}
