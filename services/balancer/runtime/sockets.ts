import type net from 'node:net';
import { listenError } from '#core/listen.ts';
import type { Logger } from '#core/log.ts';
import { type OpenSocket, openSocket } from '../listeners/open-socket.ts';
import { COMMANDS } from './commands.ts';
import type { RuntimeConfig, RuntimeSocketConfig } from './config.ts';
import { newRuntimeConfig } from './config.ts';
import type { RuntimeHost } from './host.ts';
import { CliSession } from './session.ts';

/** How many may wait for a session beyond `stats maxconn`. */
const MAX_WAITING = 64;

interface Open {
  readonly config: RuntimeSocketConfig;
  readonly socket: OpenSocket;
}

const keyOf = ({ host, port, fd, owner }: RuntimeSocketConfig): string =>
  JSON.stringify([host, port, fd, owner]);

/** The runtime sockets of the process, and their sessions. */
export class RuntimeSockets {
  readonly #host: RuntimeHost;
  readonly #log: Logger;
  readonly #sessions = new Set<net.Socket>();
  readonly #waiting: [net.Socket, RuntimeSocketConfig][] = [];
  #config: RuntimeConfig = newRuntimeConfig();
  #open: Open[] = [];
  /** Sessions so far. */
  total = 0;

  constructor(host: RuntimeHost, log: Logger) {
    this.#host = host;
    this.#log = log;
  }

  /** What listens now. */
  get sockets(): readonly RuntimeSocketConfig[] {
    return this.#open.map(({ config }) => config);
  }

  /**
   * Listens where this configuration says, and nowhere else; sockets that stay are not closed.
   * Rejects with PORT_IN_USE or LISTEN_REFUSED.
   */
  async configure(config: RuntimeConfig = newRuntimeConfig()): Promise<void> {
    const former = new Map(this.#open.map((one) => [keyOf(one.config), one]));
    const next: Open[] = [];
    try {
      for (const socket of config.sockets) {
        const kept = former.get(keyOf(socket));
        former.delete(keyOf(socket));
        if (kept) next.push({ config: socket, socket: kept.socket });
        else next.push(await this.#listen(socket));
      }
    } finally {
      this.#config = config;
      this.#open = next;
      for (const { socket } of former.values()) closeSocket(socket);
    }
  }

  /** Stops listening; sessions end. */
  destroy(): void {
    for (const { socket } of this.#open.splice(0)) closeSocket(socket);
    for (const session of [...this.#sessions, ...this.#waiting.splice(0).map(([one]) => one)]) {
      session.destroySoon();
    }
  }

  async #listen(config: RuntimeSocketConfig): Promise<Open> {
    const { host, port, fd, owner, label } = config;
    const bind = { ...config, name: undefined, acceptProxy: false, maxconn: undefined };
    let socket: OpenSocket;
    try {
      socket = await openSocket({ ...bind, fd, owner }, false);
    } catch (error) {
      throw listenError(error, fd === undefined ? host || '*' : label, port, 'stats socket');
    }
    const { server } = socket;
    server.on('error', (error) => this.#log.warn({ err: error }, `stats socket ${label} failed`));
    const open: Open = { config, socket };
    server.on('connection', (client) => {
      const current = this.#open.find((one) => one.socket === socket)?.config ?? config;
      if (this.#sessions.size < this.#config.maxconn) this.#serve(client, current);
      else if (this.#waiting.length < MAX_WAITING) {
        client.on('error', () => undefined);
        this.#waiting.push([client, current]);
      } else client.destroy();
    });
    return open;
  }

  #serve(client: net.Socket, { level, master }: RuntimeSocketConfig): void {
    this.total += 1;
    this.#sessions.add(client);
    client.once('close', () => {
      this.#sessions.delete(client);
      const next = this.#waiting.shift();
      if (next) this.#serve(...next);
    });
    const { timeout } = this.#config;
    const deps = { host: this.#host, table: COMMANDS, level, master, timeout };
    new CliSession(client, deps).start();
  }
}

function closeSocket({ server, forget }: OpenSocket): void {
  forget();
  server.close();
}
