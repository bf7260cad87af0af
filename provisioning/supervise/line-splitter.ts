const NEWLINE = 10;

/** Longest line kept whole, bytes; what is longer is cut there, so that memory stays bounded. */
const LONGEST = 16 << 10;

/** Cuts a byte stream into lines. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  #rest: Buffer[] = [];
  #size = 0;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, at));
      this.flush();
      from = at + 1;
    }
    this.#keep(chunk.subarray(from));
  }

  /** The end of the stream: what is left is a line too. */
  flush(): void {
    if (this.#size > 0) this.#onLine(Buffer.concat(this.#rest).toString('utf8'));
    this.#rest = [];
    this.#size = 0;
  }

  #keep(part: Buffer): void {
    const room = LONGEST - this.#size;
    if (room <= 0 || part.length === 0) return;
    const kept = part.subarray(0, room);
    this.#rest.push(kept);
    this.#size += kept.length;
  }
}
