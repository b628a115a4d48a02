/** An EventSource that a test speaks through; jsdom has none. */

export class FakeEventSource extends EventTarget {
  static opened: FakeEventSource[] = [];

  static get latest(): FakeEventSource {
    const source = FakeEventSource.opened.at(-1);
    if (!source) throw new Error("no stream was opened");
    return source;
  }

  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  isClosed = false;

  constructor(readonly url: string) {
    super();
    FakeEventSource.opened.push(this);
  }

  close(): void {
    this.isClosed = true;
  }

  hint(data: object): void {
    this.dispatchEvent(new MessageEvent("hint", { data: JSON.stringify(data) }));
  }
}
