import type { Transport } from './transport.ts';

/** Frames up to this size are copied together; larger ones are passed on as they are. */
const COPY_LIMIT = 16_384;
/** Bytes: who gets little now and then, as most do, keeps no more than it is just getting. */
const FIRST_CHUNK = 256;
/** What is left of a chunk is kept from this on. */
const REST_MIN = 1_024;
const CHUNK = 65_536;
/**
 * Handed to the socket at a time, bytes: what a client takes is seen in steps of this size, and one
 * that takes little at a time is told from one that takes nothing.
 */
const FLUSH_MAX = 2 * CHUNK;

/** Outputs with something to write at the end of this turn of the event loop. */
let dirty: Output[] = [];

function flushAll(): void {
  const list = dirty;
  dirty = [];
  for (const output of list) output.flush();
}

/**
 * One output buffer a connection, one write a turn of the event loop. While the socket takes
 * nothing, what comes waits here and `waiting` grows; the owner keeps it within its limit.
 */
export class Output {
  readonly #transport: Transport;
  #chunk: Buffer | undefined;
  #used = 0;
  /** Full pieces in front of the chunk. */
  #pieces: Buffer[] = [];
  #piecesBytes = 0;
  #scheduled = false;
  #closed = false;
  #next = FIRST_CHUNK;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Bytes that the system has not taken yet. */
  get waiting(): number {
    return this.#piecesBytes + this.#used + this.#transport.waiting;
  }

  /** Appends a whole frame. It must not change afterwards. */
  write(frame: Buffer): void {
    if (this.#closed) return;
    if (frame.length > COPY_LIMIT) {
      this.#seal();
      this.#pieces.push(frame);
      this.#piecesBytes += frame.length;
      this.#schedule();
      return;
    }
    const at = this.#reserve(frame.length);
    this.#chunk!.set(frame, at);
  }

  /** Appends a PUBLISH with this packet identifier; the frame itself is shared and stays. */
  writeWithId(frame: Buffer, idOffset: number, packetId: number, dup: boolean): void {
    if (this.#closed) return;
    if (frame.length > COPY_LIMIT) {
      const head = Buffer.from(frame.subarray(0, idOffset + 2));
      patch(head, 0, idOffset, packetId, dup);
      this.write(head);
      const rest = frame.subarray(idOffset + 2);
      this.#seal();
      this.#pieces.push(rest);
      this.#piecesBytes += rest.length;
      return;
    }
    const at = this.#reserve(frame.length);
    this.#chunk!.set(frame, at);
    patch(this.#chunk!, at, idOffset, packetId, dup);
  }

  /** Appends a packet of four bytes: the acknowledgements without reason and properties. */
  writeAck(first: number, packetId: number): void {
    if (this.#closed) return;
    const at = this.#reserve(4);
    const chunk = this.#chunk!;
    chunk[at] = first;
    chunk[at + 1] = 2;
    chunk[at + 2] = packetId >>> 8;
    chunk[at + 3] = packetId & 0xff;
  }

  /** Hands everything to the socket, unless that still has something to do. */
  flush(): void {
    this.#scheduled = false;
    if (this.#closed || this.#transport.waiting > 0) return;
    this.#seal();
    if (this.#pieces.length === 0) return;
    const pieces = this.#piecesBytes <= FLUSH_MAX ? this.#pieces : this.#some();
    if (pieces === this.#pieces) {
      this.#pieces = [];
      this.#piecesBytes = 0;
    }
    this.#transport.write(pieces);
  }

  /** The first pieces; the rest stays. */
  #some(): Buffer[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#pieces.length && bytes < FLUSH_MAX) bytes += this.#pieces[count++]!.length;
    this.#piecesBytes -= bytes;
    return this.#pieces.splice(0, count);
  }

  /** As flush, whatever the socket still has to do: the last write before closing. */
  finish(): void {
    if (this.#closed) return;
    this.#seal();
    if (this.#pieces.length > 0) this.#transport.write(this.#pieces);
    this.close();
  }

  close(): void {
    this.#closed = true;
    this.#chunk = undefined;
    this.#used = 0;
    this.#pieces = [];
    this.#piecesBytes = 0;
  }

  #reserve(length: number): number {
    if (this.#chunk === undefined || this.#used + length > this.#chunk.length) {
      this.#seal();
      const size = Math.max(this.#next, length);
      // A small one is a part of Node's pool: it goes with this turn, not with the connection.
      this.#chunk = size < REST_MIN ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size);
      this.#next = Math.min(this.#next * 4, CHUNK);
    }
    this.#schedule();
    const at = this.#used;
    this.#used += length;
    return at;
  }

  #seal(): void {
    if (this.#chunk === undefined || this.#used === 0) return;
    // What little of a large chunk is used goes on alone, and the rest serves the next turn.
    this.#pieces.push(this.#chunk.subarray(0, this.#used));
    this.#piecesBytes += this.#used;
    const rest = this.#chunk.subarray(this.#used);
    if (this.#used < this.#next / 8) this.#next = Math.max(FIRST_CHUNK, this.#next / 4);
    this.#chunk = rest.length >= REST_MIN ? rest : undefined;
    this.#used = 0;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (dirty.push(this) === 1) setImmediate(flushAll);
  }
}

function patch(bytes: Buffer, at: number, idOffset: number, packetId: number, dup: boolean): void {
  if (dup) bytes[at] = bytes[at]! | 0x08;
  bytes[at + idOffset] = packetId >>> 8;
  bytes[at + idOffset + 1] = packetId & 0xff;
}
