import { describeError } from '#core/errors.ts';
import {
  type Certificate,
  CertificateError,
  certificateOf,
  pemBlocks,
  readKey,
} from './certificate.ts';
import { renewBind } from './choice.ts';
import type { BindTls, ServerTls } from './config.ts';
import { renewServer } from './outgoing.ts';

/** The lines that have certificates. */
export interface CertificateUsers {
  readonly binds: readonly BindTls[];
  /** Where a line of `binds` stands, `file:line`. */
  placeOf(bind: BindTls): string;
  readonly servers: readonly ServerTls[];
}

/** What a transaction has collected. */
interface Draft {
  readonly file: string;
  certificates: readonly string[];
  key: string | undefined;
}

/** Files beside a certificate that a transaction may not replace here. */
const EXTRAS = /\.(ocsp|sctl|issuer)$/;

/**
 * Certificates by file name, of the configuration and of runtime commands, and the one transaction
 * that may change them (HAProxy 2.6 management guide, `set ssl cert`). Nothing is written to disk.
 * Methods throw CertificateError.
 */
export class CertificateStore {
  readonly #users: () => CertificateUsers;
  /** undefined = made by `new ssl cert`, and empty yet. */
  readonly #known = new Map<string, Certificate | undefined>();
  #draft: Draft | undefined;

  constructor(users: () => CertificateUsers) {
    this.#users = users;
    for (const one of this.#inUse()) this.#known.set(one.file, one);
  }

  get files(): string[] {
    return [...this.#known.keys()].sort();
  }

  /** The file that the transaction is about. */
  get open(): string | undefined {
    return this.#draft?.file;
  }

  has(file: string): boolean {
    return this.#known.has(file);
  }

  get(file: string): Certificate | undefined {
    return this.#known.get(file);
  }

  get users(): CertificateUsers {
    return this.#users();
  }

  /** PEM of the certificates that the transaction would put in force. */
  get pending(): readonly string[] {
    return this.#draft?.certificates ?? [];
  }

  uses(file: string): boolean {
    return this.#inUse().some((one) => one.file === file);
  }

  create(file: string): void {
    if (this.has(file)) throw new CertificateError(`Certificate '${file}' already exists!`);
    this.#known.set(file, undefined);
  }

  delete(file: string): void {
    if (this.open === file) {
      throw new CertificateError(`ongoing transaction for the certificate '${file}'`);
    }
    if (!this.has(file)) throw new CertificateError(`certificate '${file}' doesn't exist!\n`);
    if (this.uses(file)) {
      throw new CertificateError(`certificate '${file}' in use, can't be deleted!\n`);
    }
    this.#known.delete(file);
  }

  /** Begins a transaction, or goes on with it; true when it began. `<file>.key` sets the key alone. */
  set(name: string, payload: string): boolean {
    if (EXTRAS.test(name)) throw new CertificateError('Only certificates and keys can be set.');
    const keyAlone = name.endsWith('.key');
    const file = keyAlone ? name.slice(0, -'.key'.length) : name;
    if (this.#draft && this.#draft.file !== file) {
      throw new CertificateError(
        `The ongoing transaction is about '${this.#draft.file}' but you are trying to set '${file}'`,
      );
    }
    if (!this.has(file)) {
      throw new CertificateError(
        "Can't replace a certificate which is not referenced by the configuration!",
      );
    }
    const { certificates, keys } = pemBlocks(payload);
    const [key] = keys;
    if (keyAlone && key === undefined) {
      throw unloadable(`unable to load private key from file '${file}'.`);
    }
    if (!keyAlone && certificates.length === 0) {
      throw unloadable(`unable to load certificate from file '${file}'.`);
    }
    if (key !== undefined) checkKey(key, file);
    const before = this.#known.get(file);
    const began = this.#draft === undefined;
    this.#draft ??= {
      file,
      certificates: before ? pemBlocks(before.chain).certificates : [],
      key: before?.key,
    };
    this.#draft.key = key;
    if (!keyAlone) this.#draft.certificates = certificates;
    return began;
  }

  /** Puts the transaction in force everywhere; in how many places, and why it failed after all. */
  commit(file: string): { uses: number; failure?: string } {
    const draft = this.#draft;
    if (!draft) throw new CertificateError('No ongoing transaction! !');
    if (draft.file !== file) {
      throw new CertificateError(
        `The ongoing transaction is about '${draft.file}' but you are trying to set '${file}'`,
      );
    }
    const { certificates, key } = draft;
    if (key === undefined || certificates.length === 0) {
      throw new CertificateError(
        'The transaction must contain at least a certificate and a private key!',
      );
    }
    const certificate = certificateOf(file, certificates, key);
    this.#draft = undefined;
    const uses = this.#inUse().filter((one) => one.file === file).length;
    try {
      for (const renew of this.#renewals(certificate)) renew();
      this.#known.set(file, certificate);
      return { uses };
    } catch (error) {
      return { uses, failure: describeError(error) };
    }
  }

  abort(file: string): void {
    if (!this.#draft) throw new CertificateError('No ongoing transaction!');
    if (this.#draft.file !== file) {
      throw new CertificateError(
        `The ongoing transaction is about '${this.#draft.file}' but you are trying to abort a transaction for '${file}'`,
      );
    }
    this.#draft = undefined;
  }

  #inUse(): Certificate[] {
    const { binds, servers } = this.#users();
    return [
      ...binds.flatMap(({ entries }) => entries.flatMap(({ certificates }) => certificates)),
      ...servers.flatMap(({ certificate }) => certificate ?? []),
    ];
  }

  /** One for each place that has the certificate, ready to be put in force. */
  #renewals(certificate: Certificate): (() => void)[] {
    const { binds, servers } = this.#users();
    const isOld = ({ file }: Certificate): boolean => file === certificate.file;
    const renewals = binds
      .filter(({ entries }) => entries.some(({ certificates }) => certificates.some(isOld)))
      .map((bind) => {
        const entries = bind.entries.map((entry) => ({
          ...entry,
          certificates: entry.certificates.map((one) => (isOld(one) ? certificate : one)),
        }));
        return renewBind(bind, { entries });
      });
    for (const server of servers) {
      if (server.certificate && isOld(server.certificate)) {
        renewals.push(renewServer(server, { certificate }));
      }
    }
    return renewals;
  }
}

const unloadable = (reason: string): CertificateError =>
  new CertificateError(`${reason}\nCan't load the payload`);

function checkKey(key: string, file: string): void {
  try {
    readKey(key, file);
  } catch (error) {
    throw unloadable(describeError(error));
  }
}
