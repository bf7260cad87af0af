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
    const request = createConnectRequest();
    request.oncomplete = settle;
    const { host, port } = server.config;
    const status = host.includes(':')
      ? this.handle.connect6(request, host, port)
      : this.handle.connect(request, host, port);
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
