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

/** Lines that are kept of a log that grows; beyond them the oldest are let go. */
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
  const most = Math.max(MAX_LINES, log.lines.length); // what a person has read back stays
  const lines = added.length > 0 ? log.lines.concat(added).slice(-most) : log.lines;
  return { ...log, next: chunk.next, size: chunk.size, lines, rest: bytes.slice(end) };
}

/**
 * Read what a chunk holds before `end`, where a line begins; its own first line is left out where that is cut, unless
 * it is all there is. A chunk that begins behind `end` says that what was before is gone: then there is no more.
 */
export function startPiece(chunk: LogChunk, end: number): LogText {
  const bytes = chunk.bytes.subarray(0, Math.max(0, end - chunk.offset));
  if (bytes.length === 0) return { ...chunk, start: 0, next: 0, lines: [], rest: new Uint8Array() };
  const cut = chunk.offset > 0 ? bytes.indexOf(LINE_BREAK) + 1 : 0;
  const start = cut < bytes.length ? cut : 0;
  const lines = splitLines(bytes.subarray(start)).map((text, index) => ({ number: index, text }));
  return { ...chunk, start: chunk.offset + start, next: chunk.offset + bytes.length, lines, rest: new Uint8Array() };
}

/** Return the text with the pieces before it, in order; pieces that lie elsewhere change nothing. */
export function prependLog(log: LogText, pieces: readonly LogText[]): LogText {
  const first = pieces[0];
  const joins = pieces.every((piece, index) => piece.attempt === log.attempt && piece.next <= (pieces[index + 1]?.start ?? log.start));
  if (!first || !joins) return log;
  const texts = pieces.flatMap(({ lines }) => lines);
  const number = (log.lines[0]?.number ?? 1) - texts.length;
  return { ...log, start: first.start, lines: texts.map(({ text }, index) => ({ number: number + index, text })).concat(log.lines) };
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
