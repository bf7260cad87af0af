import { describeError } from '#core/errors.ts';
import { CertificateError, pemBlocks } from './certificate.ts';
import { renewBind } from './choice.ts';
import type { BindTls, ServerTls, TrustFile, TrustFiles } from './config.ts';
import { renewServer } from './outgoing.ts';
import type { Trust } from './trust.ts';

export type TrustKind = keyof TrustFiles;

/** The lines that judge peers by files. */
export interface TrustUsers {
  readonly binds: readonly BindTls[];
  readonly servers: readonly ServerTls[];
}

type Judge = Pick<BindTls, 'authorities' | 'crls' | 'trustFiles'>;

const NAMES = { ca: 'CA', crl: 'CRL' } as const;

/**
 * Files of authorities, or of revocations, by name: those of the configuration and of runtime
 * commands, and the one transaction that may change them (HAProxy 2.6 management guide, `set ssl
 * ca-file`, `set ssl crl-file`). Nothing is written to disk. Methods throw CertificateError.
 */
export class TrustStore {
  readonly kind: TrustKind;
  readonly #users: () => TrustUsers;
  readonly #known = new Map<string, Trust>();
  #draft: TrustFile | undefined;

  constructor(kind: TrustKind, users: () => TrustUsers) {
    this.kind = kind;
    this.#users = users;
    for (const { trustFiles } of this.#judges()) {
      const own = trustFiles?.[kind];
      if (own) this.#known.set(own.file, own.trust);
    }
  }

  get files(): string[] {
    return [...this.#known.keys()].toSorted();
  }

  /** What the transaction would put in force. */
  get draft(): TrustFile | undefined {
    return this.#draft;
  }

  get(file: string): Trust | undefined {
    return this.#known.get(file);
  }

  uses(file: string): boolean {
    return this.#judges().some((judge) => this.#isBy(file, judge));
  }

  create(file: string): void {
    if (this.#known.has(file)) throw new CertificateError(`${this.#what(file)} already exists!`);
    this.#known.set(file, { certificates: [], crls: [] });
  }

  delete(file: string): void {
    if (this.#draft?.file === file) {
      throw new CertificateError(`ongoing transaction for the ${this.#what(file)}`);
    }
    if (!this.#known.has(file)) throw new CertificateError(`${this.#what(file)} doesn't exist!\n`);
    if (this.uses(file)) {
      throw new CertificateError(`${this.#what(file)} in use, can't be deleted!\n`);
    }
    this.#known.delete(file);
  }

  /** Begins a transaction, or goes on with it; true when it began. */
  set(file: string, payload: string): boolean {
    this.#belongs(file, 'set');
    if (!this.#known.has(file)) {
      const name = NAMES[this.kind];
      throw new CertificateError(
        `Can't replace a ${name} file which is not referenced by the configuration!`,
      );
    }
    const { certificates, crls } = pemBlocks(payload);
    const found = this.kind === 'ca' ? certificates.length + crls.length : crls.length;
    if (found === 0) throw new CertificateError('Invalid payload');
    const began = this.#draft === undefined;
    this.#draft = { file, trust: { certificates: this.kind === 'ca' ? certificates : [], crls } };
    return began;
  }

  /** Puts the transaction in force everywhere; in how many places, and why it failed after all. */
  commit(file: string): { uses: number; failure?: string } {
    if (!this.#draft) throw new CertificateError('No ongoing transaction! !');
    this.#belongs(file, 'set');
    const draft = this.#draft;
    this.#draft = undefined;
    const uses = this.#judges().filter((judge) => this.#isBy(file, judge)).length;
    try {
      for (const renew of this.#renewals(draft)) renew();
      this.#known.set(file, draft.trust);
      return { uses };
    } catch (error) {
      return { uses, failure: describeError(error) };
    }
  }

  abort(file: string): void {
    if (!this.#draft) throw new CertificateError('No ongoing transaction!');
    this.#belongs(file, 'abort a transaction for');
    this.#draft = undefined;
  }

  #what(file: string): string {
    return `${NAMES[this.kind]} file '${file}'`;
  }

  #belongs(file: string, trying: string): void {
    if (!this.#draft || this.#draft.file === file) return;
    throw new CertificateError(
      `The ongoing transaction is about '${this.#draft.file}' but you are trying to ${trying} '${file}'`,
    );
  }

  #isBy(file: string, { trustFiles }: Judge): boolean {
    return trustFiles?.[this.kind]?.file === file;
  }

  #judges(): Judge[] {
    const { binds, servers } = this.#users();
    const lines = binds.flatMap(({ entries }) => entries.flatMap(({ demands }) => demands ?? []));
    return [...binds, ...new Set(lines), ...servers];
  }

  /** One for each line that has the file, ready to be put in force. */
  #renewals(draft: TrustFile): (() => void)[] {
    const { binds, servers } = this.#users();
    const changed = (judge: Judge): Judge | undefined =>
      this.#isBy(draft.file, judge)
        ? judgedBy({ ...judge.trustFiles, [this.kind]: draft })
        : undefined;
    const renewals: (() => void)[] = [];
    for (const bind of binds) {
      const own = changed(bind);
      const entries = bind.entries.map((entry) => {
        const demands = entry.demands && changed(entry.demands);
        return demands ? { ...entry, demands: { ...entry.demands!, ...demands } } : entry;
      });
      const listed = entries.some((entry, index) => entry !== bind.entries[index]);
      if (own || listed) renewals.push(renewBind(bind, { ...own, ...(listed && { entries }) }));
    }
    for (const server of servers) {
      const own = changed(server);
      if (own) renewals.push(renewServer(server, own));
    }
    return renewals;
  }
}

/** What these files make of a line. */
export function judgedBy(trustFiles: TrustFiles): Required<Judge> {
  const { ca, crl } = trustFiles;
  return {
    authorities: ca?.trust.certificates ?? [],
    crls: [...(ca?.trust.crls ?? []), ...(crl?.trust.crls ?? [])],
    trustFiles,
  };
}
