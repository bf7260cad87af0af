import type { Server } from '../servers/server.ts';
import { createConnectRequest, createHandle, type TcpHandle } from './handle.ts';
import { KEEPALIVE_IDLE } from './keepalive.ts';

/** An attempt to connect that can be called off. */
export class Dial {
  readonly handle: TcpHandle = createHandle();
  #open = true;
  #server: Server | undefined;

  /** `done` gets 0 or a negative errno, once, never before this returns; nothing after `cancel`. */
  start(server: Server, keepAlive: boolean, done: (status: number) => void): void {
    this.#server = server;
    server.pending += 1;
    const { host, port, source } = server.config;
    const local = isLocalPath(host);
    const handle = local ? createLocalHandle() : createHandle();
    this.#handle = handle;
    const settle = (status: number): void => {
      if (!this.#open) return;
      this.#close();
      if (status !== 0) this.handle.close();
      else {
        this.handle.setNoDelay(true);
        if (keepAlive) this.handle.setKeepAlive(true, KEEPALIVE_IDLE);
      }
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
      if (server.config.tls) this.#secure(server, options, settle);
      else settle(0);
    };
    const six = !local && host.includes(':');
    const bound = source && !local ? bindTo(handle, source) : 0;
    const status =
      bound || (six ? handle.connect6(request, host, port) : handle.connect(request, host, port));
    if (status !== 0) setImmediate(settle, status);
  }

  cancel(): void {
    if (!this.#open) return;
    this.#close();
    this.handle.close();
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
