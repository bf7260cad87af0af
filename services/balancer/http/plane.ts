import type { AcceptedHandle, HandleHandler } from '../listeners/handler.ts';
import type { LiveSession } from '../servers/live-session.ts';
import type { Server } from '../servers/server.ts';
import type { FrontendContext } from '../servers/types.ts';
import { KEEPALIVE_IDLE } from '../tcp/keepalive.ts';
import { TlsHandle } from '../tls/tls-handle.ts';
import { ClientConnection, type LocalResponder } from './client-connection.ts';
import { Pools } from './pool.ts';

/** The HTTP/1.1 plane: every client connection in `mode http`, and the idle server connections. */
export class HttpPlane {
  readonly pools = new Pools();
  #respond: LocalResponder = () => undefined;
  readonly #connections = new Set<ClientConnection>();
  /** To be told when all have ended. */
  readonly #closers = new Set<() => void>();

  /** Who answers what is ours to answer (the statistics page); undefined = pass on. */
  answerWith(respond: LocalResponder): void {
    this.#respond = respond;
  }

  /** For listeners; may be passed around. */
  readonly handle: HandleHandler = (accepted, context, done) =>
    this.#handle(accepted, context, done);

  #handle(given: AcceptedHandle, context: FrontendContext, done: () => void): void {
    const { tls } = given;
    const accepted = tls ? { ...given, handle: new TlsHandle(tls.carrier) } : given;
    const { handle } = accepted;
    handle.setNoDelay(true);
    if (context.config.options.clitcpka) handle.setKeepAlive(true, KEEPALIVE_IDLE);
    const gone = (): void => {
      this.#connections.delete(connection);
      done();
      if (this.#connections.size === 0) for (const tell of this.#closers) tell();
    };
    const { pools } = this;
    const connection = new ClientConnection(accepted, context, pools, this.#respond, gone);
    this.#connections.add(connection);
    connection.start();
  }

  /** Client connections now. */
  get size(): number {
    return this.#connections.size;
  }

  sessions(): Iterable<LiveSession> {
    return this.#connections;
  }

  /** Another configuration is in force: these are its servers. */
  reloaded(servers: ReadonlySet<Server>): void {
    this.pools.keepFor(servers);
    for (const connection of this.#connections) connection.reloaded();
  }

  /** Ends idle connections, lets exchanges finish, then closes what is idle upstream. */
  async close(): Promise<void> {
    for (const connection of this.#connections) connection.drain();
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => this.#closers.add(resolve));
    }
    this.pools.close();
  }

  /** Cuts everything. */
  destroy(): void {
    for (const connection of this.#connections) connection.destroy();
    this.pools.close();
  }
}
