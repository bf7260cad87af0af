import type { HandleHandler } from '../listeners/handler.ts';
import { TlsHandle } from '../tls/tls-handle.ts';
import { TcpSession, type TcpSessionDeps } from './session.ts';
import type { TimerWheel } from './timer-wheel.ts';

/** The user-space TCP plane: all sessions of `mode tcp` proxies. */
export class TcpPlane {
  readonly #wheel: TimerWheel;
  readonly #sessions = new Map<TcpSession, () => void>();
  readonly #deps: TcpSessionDeps;

  constructor(wheel: TimerWheel) {
    this.#wheel = wheel;
    this.#deps = {
      wheel: this.#wheel,
      ended: (session) => {
        const done = this.#sessions.get(session);
        this.#sessions.delete(session);
        done?.();
      },
    };
  }

  /** Sessions now. */
  get size(): number {
    return this.#sessions.size;
  }

  readonly handle: HandleHandler = (connection, context, done) => {
    const { tls } = connection;
    const accepted = tls ? { ...connection, handle: new TlsHandle(tls.socket) } : connection;
    const session = new TcpSession(accepted, context, this.#deps);
    this.#sessions.set(session, done);
    session.start();
  };

  /** Ends every session now. */
  destroy(): void {
    for (const session of [...this.#sessions.keys()]) session.destroy();
  }
}
