import { readPaddedVarint } from '#core/mqtt/varint.ts';
import { ProtocolFault, REASON } from '../codec/reason.ts';

/** Takes one whole packet: `body` is the offset after the fixed header. */
export type FrameHandler = (frame: Buffer, body: number) => void;

/**
 * Cuts a byte stream into MQTT packets. The size limit is enforced on the fixed header, before
 * anything of the packet is kept; an unfinished packet costs at most twice what has come of it,
 * in however small pieces it comes.
 */
export class Framer {
  readonly #maximum: number;
  readonly #onFrame: FrameHandler;
  /** The start of an unfinished packet: the first `#held` bytes. */
  #partial: Buffer | undefined;
  #held = 0;
  /** Length of the unfinished packet with its header; 0 = header not complete. */
  #wanted = 0;
  /** What came while paused. */
  #backlog: Buffer | undefined;
  #paused = false;

  constructor(maximum: number, onFrame: FrameHandler) {
    this.#maximum = maximum;
    this.#onFrame = onFrame;
  }

  /** Bytes that wait here. */
  get buffered(): number {
    return this.#held + (this.#backlog?.length ?? 0);
  }

  /** Keeps further packets back until `resume`; the owner stops reading, so few bytes still come. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    const backlog = this.#backlog;
    this.#backlog = undefined;
    if (backlog !== undefined) this.push(backlog);
  }

  /** Drops what waits; nothing is handed out any more. */
  stop(): void {
    this.#paused = true;
    this.#partial = undefined;
    this.#held = 0;
    this.#backlog = undefined;
  }

  /** Throws ProtocolFault on a malformed length or a packet above the limit. */
  push(chunk: Buffer): void {
    if (this.#paused) {
      this.#backlog = this.#backlog === undefined ? chunk : Buffer.concat([this.#backlog, chunk]);
      return;
    }
    let bytes = chunk;
    if (this.#held > 0) {
      this.#append(chunk);
      if (this.#wanted > this.#held) return;
      bytes = this.#partial!.subarray(0, this.#held);
      this.#partial = undefined;
      this.#held = 0;
      this.#wanted = 0;
    }
    let at = 0;
    while (at < bytes.length) {
      if (this.#paused) {
        this.#backlog = bytes.subarray(at);
        return;
      }
      const length = readPaddedVarint(bytes, at + 1, bytes.length);
      if (length === -2) throw new ProtocolFault(REASON.MALFORMED, 'malformed remaining length');
      if (length === -1) {
        this.#append(bytes.subarray(at));
        return;
      }
      const header = 1 + (length & 7);
      const total = header + (length >>> 3);
      if (total > this.#maximum) {
        throw new ProtocolFault(REASON.PACKET_TOO_LARGE, `a packet of ${total} bytes`);
      }
      if (at + total > bytes.length) {
        this.#wanted = total;
        this.#append(bytes.subarray(at));
        return;
      }
      const frame = bytes.subarray(at, at + total);
      at += total;
      this.#onFrame(frame, header);
    }
  }

  #append(rest: Buffer): void {
    const needed = this.#held + rest.length;
    if (this.#partial === undefined || this.#partial.length < needed) {
      const size = Math.max(needed, Math.min(2 * needed, this.#wanted));
      const grown = Buffer.allocUnsafeSlow(size);
      this.#partial?.copy(grown, 0, 0, this.#held);
      this.#partial = grown;
    }
    rest.copy(this.#partial, this.#held);
    this.#held = needed;
  }
}
