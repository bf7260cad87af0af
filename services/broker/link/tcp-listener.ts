import type { Service } from '#core/lifecycle.ts';
import { Listener, type ListenerOptions } from './listener.ts';
import { TcpTransport } from './transport.ts';

/** Accepts MQTT over TCP, with or without TLS. */
export class TcpListener implements Service {
  readonly #listener: Listener;

  constructor(options: ListenerOptions) {
    this.#listener = new Listener(options, (accepted, rest) => {
      const transport = new TcpTransport(accepted);
      options.onTransport(transport);
      if (rest.length > 0) transport.onData(rest);
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  start(): Promise<void> {
    return this.#listener.start();
  }

  close(): Promise<void> {
    return this.#listener.close();
  }

  destroy(): void {
    this.#listener.destroy();
  }
}
