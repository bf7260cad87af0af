import type { SecureContext } from 'node:tls';
import type { Certificate } from './certificate.ts';
import type { CertificateEntry } from './certificate-files.ts';
import type { BindTls } from './config.ts';
import { serverContext } from './context.ts';
import { ticketKeysOf } from './ticket-keys.ts';

/** Certificates of one name, by key type. */
type Kinds = Map<string, Offer>;

/** A certificate, and what is asked of who gets it. */
interface Offer {
  readonly certificate: Certificate;
  readonly demands: BindTls;
}

/** How a client is served. */
export interface Terms {
  readonly context: SecureContext;
  readonly demands: BindTls;
}

/**
 * Which certificate answers to a name: one that has exactly this name, then one whose wildcard
 * stands for its first label, then the default unless `strict-sni` is set (HAProxy manual, section
 * 5.1 "crt"). Of several with a name and a key type the first counts; the client's abilities choose
 * between key types.
 */
export class CertificateChoice {
  /** Serves clients that ask for no name that is known. */
  readonly fallback: Terms;
  readonly #bind: BindTls;
  readonly #exact = new Map<string, Kinds>();
  readonly #wild = new Map<string, Kinds>();
  readonly #except = new Map<string, Set<Certificate>>();
  readonly #terms = new Map<string, Terms>();
  /** The same for all contexts, so that a session goes on whichever name it is asked by. */
  readonly #ticketKeys: Buffer;

  constructor(bind: BindTls) {
    this.#bind = bind;
    this.#ticketKeys = ticketKeysOf(bind);
    for (const entry of bind.entries) this.#add(entry);
    const [first] = bind.entries;
    const demands = first?.demands ?? bind;
    const offers = first?.certificates.map((certificate) => ({ certificate, demands })) ?? [];
    this.fallback = this.#termsOf(offers);
  }

  /** Makes every context that a name can lead to. Throws OpenSSL's errors. */
  prepare(): void {
    for (const table of [this.#exact, this.#wild]) {
      for (const kinds of table.values()) this.#termsOf([...kinds.values()]);
    }
  }

  /** Whether names matter at all. */
  get single(): boolean {
    return this.#bind.entries.length === 1 && !this.#bind.strictSni;
  }

  /** undefined = nobody who asks so is served. */
  find(name: string | undefined): Terms | undefined {
    const wanted = name?.toLowerCase();
    const kinds = wanted === undefined ? undefined : this.#named(wanted);
    if (kinds) return this.#termsOf([...kinds.values()]);
    return this.#bind.strictSni ? undefined : this.fallback;
  }

  /** By kind of key, a whole name counts before a wildcard: HAProxy looks at both. */
  #named(name: string): Kinds | undefined {
    const exact = this.#exact.get(name);
    const wild = this.#below(name);
    return exact && wild
      ? new Map([...exact, ...[...wild].filter(([kind]) => !exact.has(kind))])
      : (exact ?? wild);
  }

  #below(name: string): Kinds | undefined {
    const dot = name.indexOf('.');
    const kinds = dot < 0 ? undefined : this.#wild.get(name.slice(dot));
    const except = kinds && this.#except.get(name);
    if (!except) return kinds;
    const left = new Map([...kinds].filter(([, { certificate }]) => !except.has(certificate)));
    return left.size > 0 ? left : undefined;
  }

  #add({ certificates, names, except, demands = this.#bind }: CertificateEntry): void {
    for (const certificate of certificates) {
      for (const name of names ?? certificate.names) {
        const wild = name.startsWith('*.');
        const table = wild ? this.#wild : this.#exact;
        const key = wild ? name.slice(1) : name;
        const kinds: Kinds = table.get(key) ?? new Map();
        if (!kinds.has(certificate.keyType)) {
          kinds.set(certificate.keyType, { certificate, demands });
        }
        table.set(key, kinds);
      }
      for (const name of except) {
        const those = this.#except.get(name) ?? new Set();
        this.#except.set(name, those.add(certificate));
      }
    }
  }

  /** Of several key types those count that ask the same as the first. */
  #termsOf(offers: readonly Offer[]): Terms {
    const demands = offers[0]?.demands ?? this.#bind;
    const certificates = offers
      .filter((offer) => offer.demands === demands)
      .map(({ certificate }) => certificate);
    const place =
      demands === this.#bind ? -1 : this.#bind.entries.findIndex((e) => e.demands === demands);
    const key = [place, ...certificates.map(({ file }) => file)].join('\n');
    let terms = this.#terms.get(key);
    if (!terms) {
      // A session is worth something only where the same is asked.
      const keys = demands === this.#bind ? this.#ticketKeys : ticketKeysOf(demands);
      terms = { context: serverContext(demands, certificates, keys), demands };
      this.#terms.set(key, terms);
    }
    return terms;
  }
}

const choices = new WeakMap<BindTls, CertificateChoice>();

/** The one choice of a `bind` line. Throws OpenSSL's errors. */
export function choiceFor(bind: BindTls): CertificateChoice {
  let choice = choices.get(bind);
  if (!choice) {
    choice = new CertificateChoice(bind);
    choices.set(bind, choice);
  }
  return choice;
}

/**
 * Makes ready what a `bind` line has other certificates by from now on; connections that stand keep
 * theirs. Throws OpenSSL's errors; nothing has changed until the returned function is called.
 */
export function renewBind(
  bind: BindTls,
  change: Partial<Pick<BindTls, 'entries' | 'authorities' | 'crls' | 'trustFiles'>>,
): () => void {
  const choice = new CertificateChoice({ ...bind, ...change });
  choice.prepare();
  return () => {
    Object.assign(bind, change);
    choices.set(bind, choice);
  };
}
