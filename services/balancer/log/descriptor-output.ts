import { closeSync, constants, fstatSync, openSync, type Stats, writeSync } from 'node:fs';
import { BrambleError, ERROR_CODES, systemCode } from '#core/errors.ts';
import { CLOSE_PATIENCE, MAX_BUFFERED, type Output } from './output.ts';
import { SocketOutput } from './socket-output.ts';

/** Between two attempts to write to a reader that is behind, in milliseconds. */
const RETRY_INTERVAL = 20;

/** The output for an open descriptor (1, 2, or one that was inherited). Throws STORAGE if it is not. */
export function openDescriptor(descriptor: number): Output {
  const kind = statusOf(descriptor);
  if (kind.isSocket()) return new SocketOutput(descriptor);
  if (kind.isFIFO() || kind.isCharacterDevice()) {
    const own = reopen(descriptor);
    if (own !== undefined) return new DescriptorOutput(own, true);
  }
  return new DescriptorOutput(descriptor, false);
}

function statusOf(descriptor: number): Stats {
  try {
    return fstatSync(descriptor);
  } catch (cause) {
    const message = `log : file descriptor ${descriptor} is not open`;
    throw new BrambleError(ERROR_CODES.STORAGE, message, { cause });
  }
}

/**
 * The same pipe or terminal under a descriptor of its own that never blocks: to change the shared
 * one would change it for every process that has it.
 */
function reopen(descriptor: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/** Lines of one turn of the event loop leave in one write. */
export class DescriptorOutput implements Output {
  readonly #descriptor: number;
  readonly #owned: boolean;
  #pending: string[] = [];
  #size = 0;
  /** The rest of a write that was cut short. */
  #rest: Buffer | undefined;
  #scheduled: NodeJS.Immediate | NodeJS.Timeout | undefined;
  #dropped = 0;
  #closed = false;

  constructor(descriptor: number, owned: boolean) {
    this.#descriptor = descriptor;
    this.#owned = owned;
  }

  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    if (this.#closed || this.#size + line.length > MAX_BUFFERED) {
      this.#dropped++;
      return;
    }
    this.#pending.push(line);
    this.#size += line.length;
    this.#scheduled ??= setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#scheduled = undefined;
    const bytes = this.#rest ?? Buffer.from(this.#pending.join(''), 'latin1');
    if (this.#rest === undefined) this.#pending = [];
    const left = this.#writeOut(bytes);
    this.#rest = left.length > 0 ? left : undefined;
    this.#size = left.length + this.#pending.reduce((sum, line) => sum + line.length, 0);
    if (this.#size === 0) return;
    this.#scheduled = this.#rest
      ? setTimeout(this.#flush, RETRY_INTERVAL).unref()
      : setImmediate(this.#flush);
  };

  /** Writes as much as is taken and returns the rest. */
  #writeOut(bytes: Buffer): Buffer {
    let left = bytes;
    try {
      while (left.length > 0) left = left.subarray(writeSync(this.#descriptor, left));
      return left;
    } catch (error) {
      if (systemCode(error) === 'EAGAIN') return left;
      // The reader is gone for good: these lines are lost, as the next ones will be.
      this.#dropped += left.toString('latin1').split('\n').length - 1;
      return left.subarray(left.length);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const deadline = performance.now() + CLOSE_PATIENCE;
    while (this.#size > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_INTERVAL / 4));
      if (this.#scheduled === undefined) break;
    }
    if (this.#scheduled) clearTimeout(this.#scheduled as NodeJS.Timeout);
    if (this.#owned) closeSync(this.#descriptor);
  }
}
