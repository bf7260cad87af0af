import { createHmac, randomBytes } from 'node:crypto';
import { verifyPassword } from '#core/passwords.ts';

/** How long a verified password is remembered, milliseconds. */
const REMEMBERED = 60_000;
const REMEMBERED_MAX = 10_000;
/** Passwords hashed at a time: each takes 16 MiB and a thread of libuv's pool. */
const PARALLEL = 2;
/** Passwords that may wait for that; beyond, the server is busy. */
const WAITING_MAX = 2_000;

/**
 * Checks passwords. scrypt is slow by design, so what was right is remembered for a minute, as a
 * keyed digest, and a thousand clients that come back at once cost a thousand digests; and only
 * two are hashed at a time, so that wrong passwords cannot take the whole machine.
 */
export class PasswordVerifier {
  readonly #secret = randomBytes(32);
  readonly #remembered = new Map<string, number>();
  readonly #running = new Map<string, Promise<boolean>>();
  #active = 0;
  readonly #waiting: (() => void)[] = [];

  /** Resolves with undefined when too many wait already. */
  async verify(user: string, stored: string, given: Buffer): Promise<boolean | undefined> {
    const digest = this.#digest(user, stored, given);
    const until = this.#remembered.get(digest);
    if (until !== undefined && until > performance.now()) return true;
    const running = this.#running.get(digest);
    if (running !== undefined) return running;
    if (this.#waiting.length >= WAITING_MAX) return undefined;
    const check = this.#check(digest, stored, given);
    this.#running.set(digest, check);
    return check;
  }

  /** Forgets everything: users have changed. */
  forget(): void {
    this.#remembered.clear();
  }

  async #check(digest: string, stored: string, given: Buffer): Promise<boolean> {
    try {
      if (this.#active >= PARALLEL) await new Promise<void>((go) => this.#waiting.push(go));
      else this.#active++;
      const right = await verifyPassword(stored, given);
      if (right) this.#remember(digest);
      return right;
    } finally {
      this.#running.delete(digest);
      const next = this.#waiting.shift();
      if (next === undefined) this.#active--;
      else next();
    }
  }

  #remember(digest: string): void {
    if (this.#remembered.size >= REMEMBERED_MAX) {
      const oldest = this.#remembered.keys().next().value;
      if (oldest !== undefined) this.#remembered.delete(oldest);
    }
    this.#remembered.set(digest, performance.now() + REMEMBERED);
  }

  #digest(user: string, stored: string, given: Buffer): string {
    const hmac = createHmac('sha256', this.#secret);
    hmac.update(`${user.length}:${user}${stored.length}:${stored}`);
    return hmac.update(given).digest('base64');
  }
}
