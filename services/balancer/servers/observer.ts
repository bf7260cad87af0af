import type { HealthConfig } from './health-config.ts';

/**
 * What sessions tell of a server's health, by HAProxy's names for it, and whether that is good for
 * `observe layer4` and for `observe layer7` (undefined = says nothing there).
 */
const SIGNS = {
  connected: { text: 'L4 successful', layer4: true, layer7: undefined },
  unconnected: { text: 'L4 unsuccessful connection', layer4: false, layer7: false },
  answered: { text: 'Correct http response', layer4: undefined, layer7: true },
  'bad-status': { text: 'Wrong http response', layer4: undefined, layer7: false },
  'bad-head': { text: 'Invalid http response (headers)', layer4: undefined, layer7: false },
  'read-error': { text: 'Read error (http)', layer4: undefined, layer7: false },
  'read-timeout': { text: 'Read timeout (http)', layer4: undefined, layer7: false },
  closed: { text: 'Close from server (http)', layer4: undefined, layer7: false },
} as const;

export type HealthSign = keyof typeof SIGNS;

/**
 * Counts the errors in a row that `observe` sees, in one number that workers share, and tells when
 * there are too many.
 */
export class Observer {
  /** How often the limit was reached (CSV hanafail). */
  reached = 0;
  readonly #errors: Int32Array;
  readonly #layer: 'layer4' | 'layer7';
  readonly #limit: number;
  readonly #tooMany: (info: string) => void;

  constructor(
    layer: 'layer4' | 'layer7',
    { errorLimit }: HealthConfig,
    tooMany: (info: string) => void,
    errors: Int32Array = new Int32Array(1),
  ) {
    this.#layer = layer;
    this.#limit = errorLimit;
    this.#tooMany = tooMany;
    this.#errors = errors;
  }

  sign(sign: HealthSign): void {
    const { text, [this.#layer]: good } = SIGNS[sign];
    if (good === undefined) return;
    if (good) {
      this.clear();
      return;
    }
    const errors = Atomics.add(this.#errors, 0, 1) + 1;
    if (errors < this.#limit) return;
    this.clear();
    this.reached += 1;
    this.#tooMany(`Detected ${errors} consecutive errors, last one was: ${text}`);
  }

  /** A check has passed. */
  clear(): void {
    if (this.#errors[0] !== 0) Atomics.store(this.#errors, 0, 0);
  }
}

/** What a termination code says of a response that never came or was none. */
export function faultSign(termination: string): HealthSign {
  if (termination === 'sH') return 'read-timeout';
  return termination === 'SH' ? 'closed' : 'bad-head';
}

/** The status codes that `observe layer7` takes for good. */
export const statusSign = (status: number): HealthSign =>
  status < 500 || status === 501 || status === 505 ? 'answered' : 'bad-status';
