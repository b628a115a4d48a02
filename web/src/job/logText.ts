/** A log as far as it has been read: bytes in, lines out. */

export interface LogLine {
  /** Number of the line, counted from the first one that was read. */
  number: number;
  text: string;
}

export interface LogText {
  attempt: number;
  /** Offset of the first byte that was read; what lies before it is not shown. */
  start: number;
  /** Offset of the byte to read next. */
  next: number;
  size: number;
  lines: LogLine[];
  /** Bytes after the last line break: a line, or half of a character, that is still being written. */
  rest: Uint8Array<ArrayBuffer>;
}

/** Bytes of a log, and where they lie in it. */
export interface LogChunk {
  attempt: number;
  offset: number;
  next: number;
  size: number;
  bytes: Uint8Array<ArrayBuffer>;
}

const MAX_LINES = 4_000;
const LINE_BREAK = 10;

/** Start a text from a chunk; a first line that is cut at its front is left out. */
export function startLog(chunk: LogChunk): LogText {
  const cut = chunk.offset > 0 ? chunk.bytes.indexOf(LINE_BREAK) + 1 : 0;
  const empty = { ...chunk, start: chunk.offset + cut, next: chunk.offset + cut, lines: [], rest: new Uint8Array() };
  return extendLog(empty, { ...chunk, offset: chunk.offset + cut, bytes: chunk.bytes.subarray(cut) });
}

/** Return the text with a chunk added; one that does not join on starts it anew. */
export function extendLog(log: LogText, chunk: LogChunk): LogText {
  if (chunk.attempt !== log.attempt || chunk.offset !== log.next) return startLog(chunk);
  const bytes = joinBytes(log.rest, chunk.bytes);
  const end = bytes.lastIndexOf(LINE_BREAK) + 1;
  const first = (log.lines.at(-1)?.number ?? 0) + 1;
  const added = splitLines(bytes.subarray(0, end)).map((text, index) => ({ number: first + index, text }));
  const lines = added.length > 0 ? [...log.lines, ...added].slice(-MAX_LINES) : log.lines;
  return { ...log, next: chunk.next, size: chunk.size, lines, rest: bytes.slice(end) };
}

/** The line that is still being written, as far as it can be read. */
export function readRest(log: LogText): string {
  return log.rest.length > 0 ? overwrite(new TextDecoder().decode(log.rest)) : "";
}

function splitLines(bytes: Uint8Array): string[] {
  return bytes.length > 0 ? new TextDecoder().decode(bytes).slice(0, -1).split("\n").map(overwrite) : [];
}

/** What a terminal would show of a line that was written over with carriage returns. */
function overwrite(line: string): string {
  return line.replace(/\r+$/, "").split("\r").at(-1) ?? "";
}

function joinBytes(left: Uint8Array, right: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(left.length + right.length);
  joined.set(left);
  joined.set(right, left.length);
  return joined;
}
