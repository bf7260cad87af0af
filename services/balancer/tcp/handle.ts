import { getSystemErrorName } from 'node:util';
import type { Scratch } from './scratch.ts';

/**
 * The system's sockets as the runtime's own streams see them, one layer below `net.Socket`.
 * Forwarding bytes there costs about two thirds of what it costs through streams, and a connection
 * about half. The layer is internal to Node, hence pinned with it, and this file is the only one
 * that knows its names. Methods return 0 or a negative errno.
 */
export interface TcpHandle {
  onread: (this: TcpHandle, data: ArrayBuffer | undefined) => undefined;
  /** Ours: who gets what is read. */
  owner: unknown;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: WriteRequest, data: Uint8Array): number;
  /** What of it is left for later is copied by the runtime. */
  writeLatin1String(request: WriteRequest, text: string): number;
  shutdown(request: ShutdownRequest): number;
  /** FIN, or whatever the kernel deems right. */
  close(done?: (this: TcpHandle) => void): void;
  /** RST. */
  reset(done?: (this: TcpHandle) => void): number;
  setNoDelay(on: boolean): number;
  /** `idle` in seconds. */
  setKeepAlive(on: boolean, idle: number): number;
  getpeername(out: SocketName): number;
  getsockname(out: SocketName): number;
  bind(address: string, port: number): number;
  bind6(address: string, port: number, flags: number): number;
  connect(request: ConnectRequest, address: string, port: number): number;
  connect6(request: ConnectRequest, address: string, port: number): number;
  useUserBuffer(buffer: Uint8Array): void;
}

export interface ListenHandle {
  onconnection: (status: number, client: TcpHandle) => void;
}

export interface SocketName {
  address?: string;
  port?: number;
  family?: string;
}

export interface WriteRequest {
  handle: TcpHandle;
  /**
   * What a pending write still sends. Nothing below keeps it: without this reference it may be
   * collected, and its memory used again, before the kernel has taken it.
   */
  buffer?: Uint8Array;
  /** It is to be given back then. */
  lent?: boolean;
  /** Bytes of it. */
  length?: number;
  /** Where its buffer, as a whole, is to be given back. */
  scratch?: Scratch;
  whole?: Buffer;
  /** Who waits for it above this handle. */
  outer?: { innerWritten(status: number): void };
  oncomplete: (this: WriteRequest, status: number) => void;
}

export interface ShutdownRequest {
  handle?: TcpHandle;
  oncomplete: (this: ShutdownRequest, status: number) => void;
}

export interface ConnectRequest {
  oncomplete: (status: number) => void;
}

interface StreamBinding {
  WriteWrap: new () => WriteRequest;
  ShutdownWrap: new () => ShutdownRequest;
  kReadBytesOrError: number;
  kArrayBufferOffset: number;
  kLastWriteWasAsync: number;
  streamBaseState: Int32Array;
}

interface TcpBinding {
  TCP: new (type: number) => TcpHandle;
  TCPConnectWrap: new () => ConnectRequest;
  constants: { SOCKET: number };
}

const { binding } = process as unknown as {
  binding(name: 'stream_wrap'): StreamBinding;
  binding(name: 'tcp_wrap'): TcpBinding;
};
const stream = binding('stream_wrap');
const tcp = binding('tcp_wrap');

const { WriteWrap, ShutdownWrap, streamBaseState } = stream;
const { kReadBytesOrError, kArrayBufferOffset, kLastWriteWasAsync } = stream;
const { TCP, TCPConnectWrap } = tcp;
const { SOCKET } = tcp.constants;

/** What `onread` gives at the end of the peer's data. */
export const END_OF_STREAM = -4095;

/** EPROTO. */
const PROTOCOL_ERROR = -71;

const READ_SIZE = 65_536;
/** Every handle reads into this one buffer; what must outlive the call is copied out of it. */
const shared = Buffer.allocUnsafeSlow(READ_SIZE);

export const createHandle = (): TcpHandle => new TCP(SOCKET);
export const createConnectRequest = (): ConnectRequest => new TCPConnectWrap();
export const createShutdownRequest = (): ShutdownRequest => new ShutdownWrap();

export function createWriteRequest(
  handle: TcpHandle,
  oncomplete: WriteRequest['oncomplete'],
): WriteRequest {
  const request = new WriteWrap();
  request.handle = handle;
  request.oncomplete = oncomplete;
  return request;
}

/** Bytes just read into the shared buffer, or END_OF_STREAM, or an errno; valid in `onread`. */
export const readResult = (): number => streamBaseState[kReadBytesOrError]!;

/** Whether the last write left bytes for later: then its request will be called back. */
export const lastWritePending = (): boolean => streamBaseState[kLastWriteWasAsync] !== 0;

/** Makes the last write count as pending, for handles that queue what they are given. */
export function markPending(): void {
  streamBaseState[kLastWriteWasAsync] = 1;
}

/** Tells a handle's reader of a fault that no read has met: what is wrong above the system. */
export function failRead(handle: TcpHandle): void {
  streamBaseState[kReadBytesOrError] = PROTOCOL_ERROR;
  handle.onread(undefined);
}

/** The first `length` bytes of what was just read; valid until the next read of anybody. */
export const lastRead = (length: number): Uint8Array =>
  length === READ_SIZE ? shared : shared.subarray(0, length);

/** What was read by a handle that nobody gave the shared buffer yet. */
export const readBytes = (data: ArrayBuffer, length: number): Buffer =>
  Buffer.from(data, streamBaseState[kArrayBufferOffset], length);

/** Whether somebody listens on this address already, whom the kernel would let us share it with. */
export function heldByAnother(host: string, port: number): boolean {
  const probe = createHandle();
  // The failure is kept for the first call that can tell it.
  if (host.includes(':')) probe.bind6(host, port, 0);
  else probe.bind(host, port);
  const status = probe.getsockname({});
  probe.close();
  return status !== 0 && errorName(status) === 'EADDRINUSE';
}

/** Gives a handle its reader; `readStart` begins. */
export function attachReader(handle: TcpHandle, owner: unknown, onread: TcpHandle['onread']): void {
  handle.owner = owner;
  handle.onread = onread;
  handle.useUserBuffer(shared);
}

/** `ECONNREFUSED` and so on. */
export const errorName = (status: number): string => getSystemErrorName(status);
