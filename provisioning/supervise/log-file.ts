import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

/** A log is at most twice this, bytes: the file and its predecessor `.1`. */
const ROTATE_AT = 4 << 20;

/**
 * One child's log. Writes are synchronous: they go to the page cache, and nothing waits in our
 * memory when the disk is slow. A write that fails (disk full) is counted, never thrown, since a
 * full disk must not take the supervisor down.
 */
export class LogFile {
  readonly path: string;
  readonly #rotateAt: number;
  #fd: number | undefined;
  #size = 0;
  /** Writes that failed. */
  lost = 0;

  constructor(path: string, rotateAt = ROTATE_AT) {
    this.path = path;
    this.#rotateAt = rotateAt;
  }

  write(chunk: Uint8Array | string): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    try {
      this.#fd ??= this.#open();
      writeSync(this.#fd, bytes);
      this.#size += bytes.length;
      if (this.#size >= this.#rotateAt) this.#rotate();
    } catch {
      this.lost++;
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #open(): number {
    const fd = openSync(this.path, 'a', 0o600);
    this.#size = fstatSync(fd).size;
    return fd;
  }

  #rotate(): void {
    this.close();
    renameSync(this.path, `${this.path}.1`);
  }
}
