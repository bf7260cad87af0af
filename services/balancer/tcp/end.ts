import {
  attachReader,
  createShutdownRequest,
  createWriteRequest,
  END_OF_STREAM,
  lastRead,
  lastWritePending,
  readResult,
  type ShutdownRequest,
  type TcpHandle,
  type WriteRequest,
} from './handle.ts';
import { copyOf, giveBack } from './read-buffers.ts';
import { wheelNow } from './timer-wheel.ts';

/** Who decides what an end's events mean. */
export interface EndOwner {
  /** Bytes came while there is no peer yet, or are to be held; they are the owner's now. */
  held(end: End, bytes: Buffer): void;
  /** `length` bytes went from this end to its peer. */
  forwarded(end: End, length: number): void;
  /** The other side has said its last byte (FIN). */
  readEnded(end: End): void;
  /** Everything is written and FIN is due. True: both directions are over, and closing sends it. */
  writeEnded(end: End): boolean;
  /** Reading or writing failed; a negative errno. */
  failed(end: End, status: number): void;
}

/**
 * One side of a relayed connection. Bytes read here are written to the peer at once; when the
 * kernel does not take all of them, reading stops until it has, so that at most one read is ever
 * held in memory for each direction.
 */
export class End {
  readonly handle: TcpHandle;
  readonly owner: EndOwner;
  peer: End | undefined;
  /** Last read from or completed write to this side, on the wheel's clock. */
  active: number;
  reading = false;
  /** Bytes are the owner's for now, although there is a peer. */
  holding = false;
  /** The kernel still has to take some of what was written. */
  writing = false;
  ended = false;
  /** No more is to be written; FIN goes out behind the last byte. */
  finishing = false;
  finished = false;
  #closed = false;
  /** FIN is on its way through the event loop. */
  #shutting = false;
  /** Reused until a write stays pending, for then it belongs to that write. */
  #request: WriteRequest | undefined;

  constructor(handle: TcpHandle, owner: EndOwner) {
    this.handle = handle;
    this.owner = owner;
    this.active = wheelNow();
    attachReader(handle, this, onRead);
  }

  resume(): void {
    if (this.reading || this.ended || this.#closed) return;
    this.reading = true;
    const status = this.handle.readStart();
    if (status !== 0) this.owner.failed(this, status);
  }

  pause(): void {
    if (!this.reading) return;
    this.reading = false;
    if (!this.#closed) this.handle.readStop();
  }

  /**
   * Writes, and stops the peer while the kernel is full. False when the write failed. `lent` bytes
   * are given back once the kernel has them.
   */
  write(bytes: Uint8Array, lent = false): boolean {
    const request = this.#request ?? createWriteRequest(this.handle, onWritten);
    const status = this.handle.writeBuffer(request, bytes);
    if (status !== 0) {
      this.owner.failed(this, status);
      return false;
    }
    if (lastWritePending()) {
      request.buffer = bytes;
      request.lent = lent;
      this.#request = undefined;
      this.writing = true;
      this.peer?.pause();
    } else {
      this.#request = request;
      if (lent) giveBack(bytes);
    }
    return true;
  }

  /** Sends FIN once everything is written. */
  finish(): void {
    this.finishing = true;
    if (this.writing || this.finished || this.#closed) return;
    this.finished = true;
    if (this.owner.writeEnded(this)) return;
    const request = createShutdownRequest();
    request.handle = this.handle;
    request.oncomplete = onShut;
    this.#shutting = true;
    // Its failure means that the peer has gone, which reading will tell.
    if (this.handle.shutdown(request) !== 0) this.#shutting = false;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.handle.close();
  }

  reset(): void {
    if (this.#closed) return;
    this.#closed = true;
    // The runtime refuses to reset while FIN is due, and would then refuse to close as well.
    if (this.#shutting || this.handle.reset() !== 0) this.handle.close();
  }

  /** FIN is sent. */
  shut(): void {
    this.#shutting = false;
  }

  received(length: number): void {
    const { peer } = this;
    const now = wheelNow();
    this.active = now;
    if (!peer || this.holding) {
      this.owner.held(this, Buffer.from(lastRead(length)));
      return;
    }
    if (!peer.write(copyOf(lastRead(length)), true)) return;
    if (!peer.writing) peer.active = now;
    this.owner.forwarded(this, length);
  }

  stopped(status: number): void {
    if (this.#closed) return;
    this.reading = false;
    if (status !== END_OF_STREAM) {
      this.owner.failed(this, status);
      return;
    }
    this.ended = true;
    this.owner.readEnded(this);
  }

  written(status: number): void {
    if (this.#closed) return;
    this.writing = false;
    if (status !== 0) {
      this.owner.failed(this, status);
      return;
    }
    this.active = wheelNow();
    if (this.finishing) this.finish();
    else this.peer?.resume();
  }
}

function onRead(this: TcpHandle): undefined {
  const result = readResult();
  const end = this.owner as End;
  if (result > 0) end.received(result);
  else if (result < 0) end.stopped(result);
}

function onShut(this: ShutdownRequest): void {
  (this.handle?.owner as End | undefined)?.shut();
}

function onWritten(this: WriteRequest, status: number): void {
  if (this.lent && this.buffer) giveBack(this.buffer);
  (this.handle.owner as End).written(status);
}
