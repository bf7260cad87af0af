import { TlsHandle } from '../tls/tls-handle.ts';
import { beginEvent, endEvent } from './event-clock.ts';
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
import { Scratch } from './scratch.ts';

/** Who is told of what happens on a wire. */
export interface WireOwner {
  /** Bytes came; they are good until this returns. */
  received(bytes: Buffer): void;
  /** The peer has sent its FIN. */
  readEnded(): void;
  /** It takes more again after a write that returned false. */
  drained(): void;
  /** It is gone: 0, or the negative errno of what went wrong. Nothing comes after it. */
  closed(status: number): void;
}

/** What a head and one read of the body behind it take at most. */
const LARGE = 81_920;
const SMALL = 16_384;
/** Bytes that may wait under TLS, where every write does for a moment. */
const TLS_ROOM = 65_536;

const small = new Scratch(SMALL);
const large = new Scratch(LARGE);
/** Serves every write that does not wait. */
let spare: WriteRequest | undefined;

/**
 * One connection that messages are read from and written to, on the system's sockets as they are:
 * what `net.Socket` does for a half-open connection, at about half its price, with no buffers of
 * its own. Its owner hears of faults later, never from within a call.
 */
export class Wire {
  readonly handle: TcpHandle;
  readonly #owner: WireOwner;
  readonly #room: number;
  /** Bytes that the kernel still has to take. */
  #waiting = 0;
  #told = true;
  #reading = false;
  #ended = false;
  /** FIN is due, and is sent. */
  #finishing = false;
  #finished = false;
  /** To be closed behind the last byte. */
  #last = false;
  #closed = false;
  #status = 0;

  constructor(handle: TcpHandle, owner: WireOwner) {
    this.handle = handle;
    this.#owner = owner;
    this.#room = handle instanceof TlsHandle ? TLS_ROOM : 0;
    attachReader(handle, this, onRead);
  }

  /** Open both ways, as far as is known. */
  get open(): boolean {
    return !(this.#closed || this.#ended || this.#finishing);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether the kernel still has to take something. */
  get waits(): boolean {
    return this.#waiting > 0;
  }

  resume(): void {
    if (this.#reading || this.#ended || this.#closed) return;
    this.#reading = true;
    const status = this.handle.readStart();
    if (status !== 0) this.#fail(status);
  }

  pause(): void {
    if (!this.#reading) return;
    this.#reading = false;
    if (!this.#closed) this.handle.readStop();
  }

  /**
   * Writes a head (latin1, may be '') and what goes behind it, in one write where possible. False =
   * to be continued on `drained`. Parts that come from a read are copied in time; what is longer
   * than any read stays referenced until it is written.
   */
  write(head: string, parts: readonly Buffer[]): boolean {
    if (this.#closed || this.#finishing) return true;
    let length = head.length;
    for (let i = 0; i < parts.length; i++) length += parts[i]!.length;
    if (length === head.length) {
      if (length > 0) this.#writeText(head);
    } else if (length <= SMALL) {
      this.#writeScratch(small, head, parts, length);
    } else if (length <= LARGE) {
      this.#writeScratch(large, head, parts, length);
    } else {
      if (head !== '') this.#writeText(head);
      for (const part of parts) this.#writeBuffer(part, undefined);
    }
    if (this.#waiting <= this.#room) return true;
    this.#told = false;
    return false;
  }

  /** Sends FIN behind what was written. */
  finish(): void {
    this.#finishing = true;
    if (this.#waiting > 0 || this.#finished || this.#closed) return;
    if (this.#last) {
      this.destroy();
      return;
    }
    this.#finished = true;
    const request = createShutdownRequest();
    request.handle = this.handle;
    request.oncomplete = onShut;
    // Its failure means that the peer has gone, which reading will tell.
    this.handle.shutdown(request);
  }

  /** Closes it behind what was written. */
  finishAndClose(): void {
    this.#last = true;
    if (this.#finished && this.#waiting === 0) this.destroy();
    else this.finish();
  }

  /** Closes it now. */
  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reading = false;
    this.handle.close(onClosed);
  }

  #fail(status: number): void {
    if (this.#closed) return;
    this.#status = status;
    this.destroy();
  }

  #writeText(text: string): void {
    const request = this.#request();
    const status = this.handle.writeLatin1String(request, text);
    this.#wrote(request, status, text.length, undefined, undefined);
  }

  #writeScratch(scratch: Scratch, head: string, parts: readonly Buffer[], length: number): void {
    const buffer = scratch.current;
    let at = head === '' ? 0 : buffer.write(head, 0, 'latin1');
    for (let i = 0; i < parts.length; i++) {
      buffer.set(parts[i]!, at);
      at += parts[i]!.length;
    }
    this.#writeBuffer(buffer.subarray(0, length), scratch);
  }

  #writeBuffer(bytes: Buffer, scratch: Scratch | undefined): void {
    if (this.#closed) return;
    const request = this.#request();
    const status = this.handle.writeBuffer(request, bytes);
    this.#wrote(request, status, bytes.length, bytes, scratch);
  }

  #request(): WriteRequest {
    const request = spare ?? createWriteRequest(this.handle, onWritten);
    spare = request;
    request.handle = this.handle;
    return request;
  }

  #wrote(
    request: WriteRequest,
    status: number,
    length: number,
    bytes: Buffer | undefined,
    scratch: Scratch | undefined,
  ): void {
    if (status !== 0) {
      this.#fail(status);
      return;
    }
    if (!lastWritePending()) return;
    spare = undefined;
    request.length = length;
    if (bytes) request.buffer = bytes;
    if (scratch && !(this.handle instanceof TlsHandle && this.handle.consumed)) {
      request.scratch = scratch;
      request.whole = scratch.current;
      scratch.lend();
    }
    this.#waiting += length;
  }

  read(length: number): void {
    beginEvent();
    try {
      this.#owner.received(lastRead(length) as Buffer);
    } finally {
      endEvent();
    }
  }

  readStopped(status: number): void {
    if (this.#closed) return;
    this.#reading = false;
    if (status !== END_OF_STREAM) {
      this.#fail(status);
      return;
    }
    this.#ended = true;
    this.#owner.readEnded();
    if (this.#finished && this.#waiting === 0) this.destroy();
  }

  written(status: number, length: number): void {
    this.#waiting -= length;
    if (this.#closed) return;
    if (status !== 0) {
      this.#fail(status);
      return;
    }
    if (this.#waiting > 0) return;
    if (!this.#told) {
      this.#told = true;
      this.#owner.drained();
    }
    if (this.#finishing && !this.#finished) this.finish();
  }

  shut(): void {
    if (this.#ended || this.#last) this.destroy();
  }

  gone(): void {
    this.#owner.closed(this.#status);
  }
}

function onRead(this: TcpHandle): undefined {
  const result = readResult();
  const wire = this.owner as Wire;
  if (result > 0) wire.read(result);
  else if (result < 0) wire.readStopped(result);
}

function onWritten(this: WriteRequest, status: number): void {
  const { scratch, whole, length = 0 } = this;
  if (scratch && whole) scratch.giveBack(whole);
  (this.handle.owner as Wire).written(status, length);
}

function onShut(this: ShutdownRequest): void {
  (this.handle?.owner as Wire | undefined)?.shut();
}

function onClosed(this: TcpHandle): void {
  (this.owner as Wire).gone();
}
