import net from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Address } from '../model.ts';
import type { Server } from '../servers/server.ts';
import { SocketCarrier } from '../tls/carrier.ts';
import { TlsState } from '../tls/facts.ts';
import { startTls } from '../tls/outgoing.ts';
import { TlsHandle } from '../tls/tls-handle.ts';
import { isLocalPath } from './endpoint.ts';
import { createConnectRequest, createHandle, type TcpHandle } from './handle.ts';
import { KEEPALIVE_IDLE } from './keepalive.ts';
import { createLocalHandle, createLocalRequest } from './local-handle.ts';
import { askSocks } from './socks.ts';

export interface DialOptions {
  readonly keepAlive: boolean;
  /** Where to: the server's own address, but for one that takes over the client's. */
  readonly to: Address;
  /** Goes out first, in the clear: a PROXY header. */
  readonly preface: Buffer | undefined;
  /** The name that a TLS server is asked by. */
  readonly serverName: string | undefined;
}

/** EPROTO: connected, and then no TLS. */
const NO_TLS = -71;

/** An attempt to connect, and to shake hands where the server line says `ssl`, that can be called off. */
export class Dial {
  #handle: TcpHandle | undefined;
  #secured: TLSSocket | undefined;
  #open = true;
  #server: Server | undefined;

  /** The connection, once `done` has said 0. */
  get handle(): TcpHandle {
    return this.#handle!;
  }

  /** What its TLS is like, where it has any. */
  get tls(): TlsState | undefined {
    return this.#handle instanceof TlsHandle ? new TlsState(this.#handle.carrier) : undefined;
  }

  /** `done` gets 0 or a negative errno, once, never before this returns; nothing after `cancel`. */
  start(server: Server, options: DialOptions, done: (status: number) => void): void {
    this.#server = server;
    server.pending += 1;
    const { source, socks4 } = server.config;
    const { host, port } = socks4 ?? options.to;
    const local = isLocalPath(host);
    const handle = local ? createLocalHandle() : createHandle();
    this.#handle = handle;
    const settle = (status: number): void => {
      if (!this.#open) return;
      this.#close();
      if (status !== 0) this.#end();
      done(status);
    };
    const request = local ? createLocalRequest() : createConnectRequest();
    request.oncomplete = (status) => {
      if (!this.#open || status !== 0) {
        settle(status);
        return;
      }
      handle.setNoDelay(true);
      if (options.keepAlive) handle.setKeepAlive(true, KEEPALIVE_IDLE);
      if (socks4)
        askSocks(handle, options.to, (granted) => this.#stands(granted, server, options, settle));
      else this.#stands(0, server, options, settle);
    };
    const six = !local && host.includes(':');
    const bound = source && !local ? bindTo(handle, source) : 0;
    const status =
      bound || (six ? handle.connect6(request, host, port) : handle.connect(request, host, port));
    if (status !== 0) setImmediate(settle, status);
  }

  /** Connected to the server itself, through whatever is in between. */
  #stands(
    status: number,
    server: Server,
    options: DialOptions,
    settle: (status: number) => void,
  ): void {
    if (status === 0 && this.#open && server.config.tls) this.#secure(server, options, settle);
    else settle(status);
  }

  cancel(): void {
    if (!this.#open) return;
    this.#close();
    this.#end();
  }

  #secure(server: Server, { preface, serverName }: DialOptions, settle: (status: number) => void) {
    // How net.Server makes its sockets.
    const inside: object = { handle: this.#handle, allowHalfOpen: true, pauseOnCreate: true };
    const raw = new net.Socket({ ...inside, readable: true, writable: true });
    if (preface) raw.write(preface);
    const socket = startTls(raw, server.config.tls!, serverName);
    this.#secured = socket;
    const failed = (): void => settle(NO_TLS);
    socket.on('error', failed);
    socket.once('close', failed);
    socket.once('secureConnect', () => {
      if (!this.#open) return;
      socket.off('close', failed);
      this.#handle = new TlsHandle(new SocketCarrier(socket));
      this.#secured = undefined;
      settle(0);
    });
  }

  #end(): void {
    if (this.#secured) this.#secured.destroy();
    else this.#handle?.close();
  }

  #close(): void {
    this.#open = false;
    if (this.#server) this.#server.pending -= 1;
  }
}

/** Gives the connection an end of ours (`source`); 0 or a negative errno. */
function bindTo(handle: TcpHandle, { host, port }: Address): number {
  if (host.includes(':')) return handle.bind6(host, port, 0);
  return host === '' && port === 0 ? 0 : handle.bind(host === '' ? '0.0.0.0' : host, port);
}
