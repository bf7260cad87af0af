import tls from 'node:tls';
import type { BindTls } from './config.ts';

/**
 * Sessions of clients that hold no ticket: with `no-tls-tickets` they are kept here, the oldest
 * given up first (HAProxy manual, `tune.ssl.cachesize` and `tune.ssl.lifetime`).
 */
export class SessionCache {
  /** Carries the runtime's session events; it never listens. */
  readonly server: tls.Server;
  readonly #sessions = new Map<string, { session: Buffer; until: number }>();
  readonly #limit: number;
  readonly #lifetime: number;

  constructor({ sessionCache, sessionLifetime }: BindTls) {
    this.#limit = sessionCache;
    this.#lifetime = sessionLifetime * 1000;
    this.server = tls.createServer();
    this.server.on('newSession', (id: Buffer, session: Buffer, done: () => void) => {
      this.#keep(id.toString('latin1'), session);
      done();
    });
    this.server.on(
      'resumeSession',
      (id: Buffer, done: (error: Error | null, session: Buffer | null) => void) =>
        done(null, this.#find(id.toString('latin1'))),
    );
  }

  get size(): number {
    return this.#sessions.size;
  }

  #keep(id: string, session: Buffer): void {
    if (this.#limit === 0) return;
    for (const oldest of this.#sessions.keys()) {
      if (this.#sessions.size < this.#limit) break;
      this.#sessions.delete(oldest);
    }
    this.#sessions.set(id, { session, until: performance.now() + this.#lifetime });
  }

  #find(id: string): Buffer | null {
    const found = this.#sessions.get(id);
    if (!found) return null;
    if (found.until > performance.now()) return found.session;
    this.#sessions.delete(id);
    return null;
  }
}
