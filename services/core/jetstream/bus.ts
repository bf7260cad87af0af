import { EventEmitter } from 'node:events';
import { connect, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { BrambleError, ERROR_CODES } from '../errors.ts';
import type { Service } from '../lifecycle.ts';
import type { Logger } from '../log.ts';

export interface BusOptions {
  url: string;
  user: string;
  password: string;
  /** Shown in nats-server's list of connections. */
  name: string;
  log: Logger;
}

/** Between two attempts to reach the nats-server of this node, milliseconds. */
const RECONNECT_WAIT = 250;
/** A frozen server is noticed after `PING_INTERVAL` × (`PINGS_OUT` + 1), milliseconds. */
const PING_INTERVAL = 1_000;
const PINGS_OUT = 2;

interface BusEvents {
  up: [];
  down: [];
}

/**
 * The connection to the nats-server of this node. It outlives that server: subscriptions come back
 * with it, and `connected` tells within three seconds that it is gone or frozen.
 */
export class Bus extends EventEmitter<BusEvents> implements Service {
  readonly #options: BusOptions;
  #connection: NatsConnection | undefined;
  #connected = false;
  #probe: NodeJS.Timeout | undefined;
  #probing = false;
  #misses = 0;

  constructor(options: BusOptions) {
    super();
    // Every session whose state waits to be saved listens for the connection.
    this.setMaxListeners(0);
    this.#options = options;
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Throws BRAMBLE_ENGINE_UNAVAILABLE before `start` and after `close`. */
  get nats(): NatsConnection {
    if (this.#connection === undefined) {
      throw new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, 'not connected to nats-server');
    }
    return this.#connection;
  }

  /** Waits for the nats-server, however long that takes, until `signal` ends it. */
  async start(signal: AbortSignal): Promise<void> {
    const { url, user, password, name, log } = this.#options;
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      try {
        this.#connection = await connect({
          servers: url,
          user,
          pass: password,
          name: `bramble-${name}`,
          maxReconnectAttempts: -1,
          reconnectTimeWait: RECONNECT_WAIT,
          reconnectJitter: RECONNECT_WAIT / 2,
          ignoreClusterUpdates: true,
          noEcho: true,
          // A stack trace for each request that might fail costs more than the request.
          noAsyncTraces: true,
          pingInterval: 10 * PING_INTERVAL,
          timeout: 2_000,
        });
        break;
      } catch (error) {
        if (attempt % 20 === 0) log.warn({ url, err: error }, 'waiting for nats-server');
        await new Promise((resolve) => setTimeout(resolve, RECONNECT_WAIT));
      }
    }
    this.#set(true);
    void this.#watch(this.#connection);
    this.#probe = setInterval(() => void this.#ping(), PING_INTERVAL);
  }

  /** Subscribes with a callback; an error in one message is logged and ends nothing. */
  subscribe(subject: string, handle: (data: Buffer, message: Msg) => void): Subscription {
    return this.nats.subscribe(subject, {
      callback: (error, message) => {
        if (error) return this.#options.log.error({ err: error, subject }, 'NATS subscription');
        try {
          handle(asBuffer(message.data), message);
        } catch (cause) {
          this.#options.log.error({ err: cause, subject }, 'a message from another node');
        }
      },
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#probe);
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    this.#connected = false;
    await Promise.race([
      connection.drain().catch(() => {}),
      new Promise((resolve) => setTimeout(resolve, 1_000).unref()),
    ]);
    await connection.close().catch(() => {});
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') this.#set(false);
      if (status.type === 'reconnect') this.#set(true);
      if (status.type === 'error') this.#options.log.warn({ err: status.error }, 'NATS');
    }
  }

  /** A frozen nats-server keeps its sockets open, so only an answer counts. */
  async #ping(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) return;
    if (this.#probing) {
      this.#misses++;
      if (this.#misses >= PINGS_OUT) this.#set(false);
      return;
    }
    this.#probing = true;
    try {
      await connection.flush();
      this.#misses = 0;
      if (!connection.isClosed()) this.#set(true);
    } catch {
      this.#set(false);
    } finally {
      this.#probing = false;
    }
  }

  #set(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    const { log, url } = this.#options;
    if (connected) log.info({ url }, 'connected to nats-server');
    else log.error({ url }, 'nats-server of this node is gone');
    this.emit(connected ? 'up' : 'down');
  }
}

export function asBuffer(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
