import net, { type Socket } from 'node:net';
import { generate, type Packet, parser } from 'mqtt-packet';
import type { Endpoint } from '../cluster-lab.ts';

/** Any packet, read loosely: the field names are mqtt-packet's. */
export type AnyPacket = Packet & Record<string, unknown> & { messageId: number };

export interface WireOptions {
  clientId: string;
  version: 4 | 5;
  clean: boolean;
  /** MQTT 5: how long the session outlives the connection, seconds. */
  expiry?: number;
  keepalive?: number;
  will?: Record<string, unknown>;
  /** Longest wait from the first SYN to CONNACK, milliseconds. */
  timeout?: number;
}

export interface WireHandlers {
  /** CONNACK that accepts; called before any packet that came with it is handed over. */
  onConnack?(sessionPresent: boolean): void;
  onPacket?(packet: AnyPacket): void;
  /** The connection has ended, or never came about. Once. */
  onClose?(why: string): void;
}

/** As `timeout` where none is given. */
const CONNECT_TIMEOUT = 5_000;

/** One MQTT connection that shows packets as they are: no library resends, pairs or hides any. */
export class Wire {
  readonly endpoint: Endpoint;
  readonly #socket: Socket;
  readonly #options: WireOptions;
  readonly #handlers: WireHandlers;
  readonly #timer: NodeJS.Timeout;
  open = false;
  #ended = false;
  #why = 'closed';

  constructor(endpoint: Endpoint, options: WireOptions, handlers: WireHandlers = {}) {
    this.endpoint = endpoint;
    this.#options = options;
    this.#handlers = handlers;
    const socket = net.connect(endpoint.port, endpoint.host);
    this.#socket = socket;
    this.#timer = setTimeout(() => this.cut('no CONNACK'), options.timeout ?? CONNECT_TIMEOUT);
    socket.setNoDelay(true);
    const parse = parser({ protocolVersion: options.version });
    parse.on('packet', (packet: Packet) => this.#onPacket(packet as AnyPacket));
    parse.on('error', (error: Error) => this.cut(`malformed: ${error.message}`));
    socket.on('connect', () => this.#connect());
    socket.on('data', (chunk) => {
      if (!this.#ended) parse.parse(chunk);
    });
    socket.on('error', (error) => {
      this.#why = error.message;
    });
    socket.on('close', () => this.#end());
  }

  /** Opens a connection and resolves with it after CONNACK; rejects when there is none. */
  static connected(
    endpoint: Endpoint,
    options: WireOptions,
    handlers: WireHandlers = {},
  ): Promise<{ wire: Wire; sessionPresent: boolean }> {
    return new Promise((resolve, reject) => {
      const wire: Wire = new Wire(endpoint, options, {
        ...handlers,
        onConnack(sessionPresent) {
          handlers.onConnack?.(sessionPresent);
          resolve({ wire, sessionPresent });
        },
        onClose(why) {
          reject(new Error(why));
          handlers.onClose?.(why);
        },
      });
    });
  }

  send(packet: Record<string, unknown>): void {
    if (this.#ended) return;
    const { version } = this.#options;
    this.#socket.write(generate(packet as unknown as Packet, { protocolVersion: version }));
  }

  /** Stops reading, as a client that hangs does. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Ends as a client that leaves: DISCONNECT. */
  leave(): void {
    this.send({ cmd: 'disconnect' });
    this.#ended = true;
    this.#socket.end();
    this.#end();
  }

  /** Ends without a word. */
  cut(why = 'cut'): void {
    this.#why = why;
    this.#socket.destroy();
    this.#end();
  }

  #connect(): void {
    const { clientId, version, clean, keepalive = 0, expiry, will } = this.#options;
    const connect = {
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: version,
      clientId,
      clean,
      keepalive,
      ...(version === 5 ? { properties: { sessionExpiryInterval: expiry ?? 0 } } : {}),
      ...(will === undefined ? {} : { will }),
    };
    this.send(connect);
  }

  #onPacket(packet: AnyPacket): void {
    if (this.#ended) return;
    if (packet.cmd !== 'connack') {
      if (packet.cmd === 'disconnect') this.#why = `DISCONNECT ${String(packet.reasonCode)}`;
      this.#handlers.onPacket?.(packet);
      return;
    }
    const {
      returnCode = 0,
      reasonCode = 0,
      sessionPresent,
    } = packet as AnyPacket & {
      returnCode?: number;
      reasonCode?: number;
      sessionPresent: boolean;
    };
    if (returnCode !== 0 || reasonCode !== 0) {
      this.cut(`CONNACK ${returnCode || reasonCode}`);
      return;
    }
    clearTimeout(this.#timer);
    this.open = true;
    this.#handlers.onConnack?.(sessionPresent);
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.open = false;
    if (this.#ended && this.#why === '') return;
    this.#ended = true;
    const why = this.#why;
    this.#why = '';
    this.#handlers.onClose?.(why);
  }
}
