/** A log as far as it has been read: bytes in, lines out. */

export interface LogLine {
  /** Place of the line among those that were read, ascending; lines read before the first one have smaller numbers. */
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

/** Lines that are kept; of a log that grows beyond them the oldest are let go. */
const MAX_LINES = 200_000;
const LINE_BREAK = 10;
/** What a terminal takes as commands: colours, movements, titles. */
const COMMANDS = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;

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

/** Return the text with what lies right before it; a chunk that does not reach it changes nothing. */
export function prependLog(log: LogText, chunk: LogChunk): LogText {
  const length = log.start - chunk.offset;
  if (chunk.attempt !== log.attempt || length <= 0 || chunk.bytes.length < length) return log;
  const cut = chunk.offset > 0 ? chunk.bytes.indexOf(LINE_BREAK) + 1 : 0;
  if (chunk.offset > 0 && (cut === 0 || cut >= length)) {
    // One line fills the piece: it is shown from where the piece begins.
    return { ...log, start: chunk.offset, lines: addBefore(log, splitLines(chunk.bytes.subarray(0, length))) };
  }
  return { ...log, start: chunk.offset + cut, lines: addBefore(log, splitLines(chunk.bytes.subarray(cut, length))) };
}

function addBefore({ lines }: LogText, texts: readonly string[]): LogLine[] {
  const first = (lines[0]?.number ?? 1) - texts.length;
  return [...texts.map((text, index) => ({ number: first + index, text })), ...lines].slice(0, MAX_LINES);
}

/** The line that is still being written, as far as it can be read. */
export function readRest(log: LogText): string {
  return log.rest.length > 0 ? clean(new TextDecoder().decode(log.rest)) : "";
}

function splitLines(bytes: Uint8Array): string[] {
  return bytes.length > 0 ? new TextDecoder().decode(bytes).replace(/\n$/, "").split("\n").map(clean) : [];
}

/** What a terminal would show of a line: without its commands, and written over at carriage returns. */
function clean(line: string): string {
  return line.replace(/\r+$/, "").split("\r").at(-1)?.replace(COMMANDS, "") ?? "";
}

function joinBytes(left: Uint8Array, right: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(left.length + right.length);
  joined.set(left);
  joined.set(right, left.length);
  return joined;
}
