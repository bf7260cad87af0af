import type { AcceptedHandle, HandleHandler } from '../listeners/handler.ts';
import type { LiveSession } from '../servers/live-session.ts';
import type { FrontendContext } from '../servers/types.ts';
import { TlsHandle } from '../tls/tls-handle.ts';
import { Inspection, needsInspection } from './inspection.ts';
import { TcpSession, type TcpSessionDeps } from './session.ts';
import type { TimerWheel } from './timer-wheel.ts';

/** The user-space TCP plane: all sessions of `mode tcp` proxies. */
export class TcpPlane {
  readonly #wheel: TimerWheel;
  readonly #sessions = new Map<TcpSession, () => void>();
  readonly #inspections = new Set<Inspection>();
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
    return this.#sessions.size + this.#inspections.size;
  }

  readonly handle: HandleHandler = (connection, context, done) => {
    const { tls } = connection;
    const accepted = tls ? { ...connection, handle: new TlsHandle(tls.carrier) } : connection;
    if (needsInspection(context, context.backendFor())) this.#inspect(accepted, context, done);
    else this.#open(accepted, context, done);
  };

  #inspect(accepted: AcceptedHandle, context: FrontendContext, done: () => void): void {
    const inspection = new Inspection(accepted, context, this.#wheel, (inspected) => {
      this.#inspections.delete(inspection);
      if (inspected) this.#open(inspected, context, done);
      else done();
    });
    this.#inspections.add(inspection);
    inspection.start();
  }

  #open(accepted: AcceptedHandle, context: FrontendContext, done: () => void): void {
    const session = new TcpSession(accepted, context, this.#deps);
    this.#sessions.set(session, done);
    session.start();
  }

  /** Every session, for whoever lists or ends them. */
  sessions(): Iterable<LiveSession> {
    return this.#sessions.keys();
  }

  /** Ends every session now. */
  destroy(): void {
    for (const inspection of [...this.#inspections]) inspection.destroy();
    for (const session of [...this.#sessions.keys()]) session.destroy();
  }
}
