import type { Logger } from '#core/log.ts';
import { TokenBucket } from '../limits/token-bucket.ts';

export type AuditedAction = 'connect' | 'publish' | 'subscribe' | 'packet' | 'admin';

/** Who, what, from where and why. */
export interface AuditDetails {
  clientId?: string | undefined;
  user?: string | undefined;
  address?: string | undefined;
  topic?: string | undefined;
  /** MQTT reason code. */
  reason?: number | undefined;
  why: string;
}

/** Lines a second for one source and one action, and at once after a quiet time. */
const RATE = 1;
const BURST = 10;
/** What a stranger has chosen is told up to this length, characters. */
const TEXT_MAX = 256;
/** Sources remembered; beyond, they share what is left. */
const SOURCES_MAX = 5_000;

interface Source {
  bucket: TokenBucket;
  /** Not written since its last line. */
  suppressed: number;
}

/**
 * The audit trail: a log line with `audit: true` for each refused connect, publish, subscribe and
 * malformed packet, and for each admin action. A client that is refused at full speed gets a line a second, which
 * says how many it stands for, and does not hide the others.
 */
export class Audit {
  readonly #log: Logger;
  readonly #sources = new Map<string, Source>();
  /** Refusals by action, also those without a line. */
  readonly refused: Record<AuditedAction, number> = {
    connect: 0,
    publish: 0,
    subscribe: 0,
    packet: 0,
    admin: 0,
  };
  /** Lines that were held back. */
  suppressed = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  refuse(action: AuditedAction, details: AuditDetails): void {
    this.refused[action]++;
    const { address = '', clientId = '' } = details;
    // A client that is in has its own lines; others are told apart by their address.
    const source = this.#sourceOf(`${action} ${address} ${action === 'connect' ? '' : clientId}`);
    if (!source.bucket.take(performance.now(), RATE, BURST)) {
      source.suppressed++;
      this.suppressed++;
      return;
    }
    const more = source.suppressed === 0 ? {} : { suppressed: source.suppressed };
    source.suppressed = 0;
    const { why, user, clientId: id, topic, address: from, reason } = details;
    const who = { clientId: clip(id), user: clip(user), address: from, topic: clip(topic), reason };
    const line = { audit: true, action, outcome: 'refused', ...who, ...more };
    this.#log.warn(line, `${action} refused: ${clip(why)}`);
  }

  /** An admin's action that was done; these are few, and each has its line. */
  done(details: AuditDetails): void {
    const { why, ...who } = details;
    this.#log.info({ audit: true, action: 'admin', outcome: 'done', ...who }, why);
  }

  /** Forgets sources that are quiet again. */
  sweep(): void {
    const now = performance.now();
    for (const [key, { bucket }] of this.#sources) {
      if (bucket.isFull(now, RATE, BURST)) this.#sources.delete(key);
    }
  }

  #sourceOf(key: string): Source {
    const name = this.#sources.size >= SOURCES_MAX && !this.#sources.has(key) ? '' : key;
    let source = this.#sources.get(name);
    if (source === undefined) {
      source = { bucket: new TokenBucket(), suppressed: 0 };
      this.#sources.set(name, source);
    }
    return source;
  }
}

function clip(text: string | undefined): string | undefined {
  return text === undefined || text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}…`;
}
