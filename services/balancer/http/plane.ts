import type { AcceptedConnection, ConnectionHandler } from '../listeners/handler.ts';
import type { LiveSession } from '../servers/live-session.ts';
import type { Server } from '../servers/server.ts';
import type { FrontendContext } from '../servers/types.ts';
import { ClientConnection, type LocalResponder } from './client-connection.ts';
import { Pools } from './pool.ts';

/** The HTTP/1.1 plane: every client connection in `mode http`, and the idle server connections. */
export class HttpPlane {
  readonly pools = new Pools();
  #respond: LocalResponder = () => undefined;
  readonly #connections = new Map<ClientConnection, AcceptedConnection['socket']>();

  /** Who answers what is ours to answer (the statistics page); undefined = pass on. */
  answerWith(respond: LocalResponder): void {
    this.#respond = respond;
  }

  /** For listeners; may be passed around. */
  readonly handle: ConnectionHandler = (accepted, context) => this.#handle(accepted, context);

  #handle(accepted: AcceptedConnection, context: FrontendContext): void {
    const connection = new ClientConnection(accepted, context, this.pools, this.#respond);
    this.#connections.set(connection, accepted.socket);
    accepted.socket.once('close', () => this.#connections.delete(connection));
    connection.start();
  }

  /** Client connections now. */
  get size(): number {
    return this.#connections.size;
  }

  sessions(): Iterable<LiveSession> {
    return this.#connections.keys();
  }

  /** Another configuration is in force: these are its servers. */
  reloaded(servers: ReadonlySet<Server>): void {
    this.pools.keepFor(servers);
    for (const connection of this.#connections.keys()) connection.reloaded();
  }

  /** Ends idle connections, lets exchanges finish, then closes what is idle upstream. */
  async close(): Promise<void> {
    for (const connection of this.#connections.keys()) connection.drain();
    await Promise.all(
      [...this.#connections.values()].map((socket) =>
        socket.closed ? undefined : new Promise((resolve) => socket.once('close', resolve)),
      ),
    );
    this.pools.close();
  }

  /** Cuts everything. */
  destroy(): void {
    for (const connection of this.#connections.keys()) connection.destroy();
    this.pools.close();
  }
}
