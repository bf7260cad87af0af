import { createHash, timingSafeEqual } from 'node:crypto';
import type { MonitoringSettings } from '#core/config/monitoring.ts';
import { networkList } from '#core/networks.ts';

/** What becomes of who asks for `/metrics`: HTTP's status codes. */
export type Verdict = 200 | 401 | 403 | 404;

export interface Asking {
  /** Of the peer. */
  address: string | undefined;
  /** The header of that name. */
  authorization: string | undefined;
}

/** Who may read the node's metrics, as cluster.yaml says; nobody without its part `monitoring`. */
export class MonitoringDoor {
  readonly #token: Buffer | undefined;
  readonly #mayCome: (address: string) => boolean;

  constructor(settings: MonitoringSettings | undefined) {
    this.#token = settings === undefined ? undefined : digest(settings.token);
    this.#mayCome = settings?.from === undefined ? () => true : networkList(settings.from);
  }

  judge({ address = '', authorization = '' }: Asking): Verdict {
    if (this.#token === undefined) return 404;
    if (!this.#mayCome(address)) return 403;
    const [, shown = ''] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
    // Of the same length whatever is shown, so that the time tells nothing.
    return timingSafeEqual(digest(shown), this.#token) ? 200 : 401;
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
