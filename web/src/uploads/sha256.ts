/** SHA-256 of what comes in pieces (FIPS 180-4): on plain http browsers have none of their own, and theirs takes no pieces. */

const BLOCK = 64;
const WORD = 2 ** 32;

/** The first 32 bits of the fractional parts of a root of a prime. */
function fraction(root: number): number {
  return Math.floor((root - Math.floor(root)) * WORD);
}

function listPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let each = 2; primes.length < count; each++) if (primes.every((prime) => each % prime !== 0)) primes.push(each);
  return primes;
}

const ROUNDS = Int32Array.from(listPrimes(64), (prime) => fraction(Math.cbrt(prime)) | 0);
const START = Int32Array.from(listPrimes(8), (prime) => fraction(Math.sqrt(prime)) | 0);

function turn(word: number, count: number): number {
  return (word >>> count) | (word << (32 - count));
}

export class Sha256 {
  private readonly state = START.slice();
  private readonly words = new Int32Array(64);
  private readonly rest = new Uint8Array(BLOCK);
  private numRest = 0;
  private size = 0;

  update(bytes: Uint8Array): void {
    this.size += bytes.length;
    let at = 0;
    if (this.numRest > 0) {
      at = Math.min(BLOCK - this.numRest, bytes.length);
      this.rest.set(bytes.subarray(0, at), this.numRest);
      this.numRest += at;
      if (this.numRest < BLOCK) return;
      this.take(this.rest, 0);
      this.numRest = 0;
    }
    for (; at + BLOCK <= bytes.length; at += BLOCK) this.take(bytes, at);
    this.rest.set(bytes.subarray(at));
    this.numRest = bytes.length - at;
  }

  /** End it, and return the hash as the server writes it: 64 hexadecimal digits. */
  digest(): string {
    const numBits = this.size * 8;
    const end = new Uint8Array(this.numRest < BLOCK - 8 ? BLOCK - this.numRest : 2 * BLOCK - this.numRest);
    end[0] = 0x80;
    const view = new DataView(end.buffer);
    view.setUint32(end.length - 8, Math.floor(numBits / WORD));
    view.setUint32(end.length - 4, numBits % WORD);
    this.update(end);
    return Array.from(this.state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  private take(bytes: Uint8Array, at: number): void {
    const { words } = this;
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, BLOCK);
    for (let index = 0; index < 16; index++) words[index] = view.getInt32(4 * index);
    for (let index = 16; index < 64; index++) {
      const near = words[index - 15]!;
      const far = words[index - 2]!;
      const low = turn(near, 7) ^ turn(near, 18) ^ (near >>> 3);
      const high = turn(far, 17) ^ turn(far, 19) ^ (far >>> 10);
      words[index] = words[index - 16]! + low + words[index - 7]! + high;
    }
    this.mix();
  }

  /** The 64 rounds; written out, since destructuring takes twice as long. */
  private mix(): void {
    const { state, words } = this;
    let a = state[0]!;
    let b = state[1]!;
    let c = state[2]!;
    let d = state[3]!;
    let e = state[4]!;
    let f = state[5]!;
    let g = state[6]!;
    let h = state[7]!;
    for (let index = 0; index < 64; index++) {
      const first = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + ROUNDS[index]! + words[index]!) | 0;
      const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + first) | 0;
      d = c;
      c = b;
      b = a;
      a = (first + second) | 0;
    }
    state[0]! += a;
    state[1]! += b;
    state[2]! += c;
    state[3]! += d;
    state[4]! += e;
    state[5]! += f;
    state[6]! += g;
    state[7]! += h;
  }
}
