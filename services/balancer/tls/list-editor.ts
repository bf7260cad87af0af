import { CertificateError } from './certificate.ts';
import type { CertificateEntry, Listed } from './certificate-files.ts';
import type { CertificateStore } from './certificate-store.ts';
import { renewBind } from './choice.ts';
import type { BindTls } from './config.ts';
import { parseCrtLine } from './crt-list.ts';

/** One line of a list, and the certificate that it names. */
export interface ListLine extends Listed {
  readonly file: string;
}

/**
 * The lists of certificates of the configuration in force, which commands may lengthen and shorten
 * (HAProxy 2.6 management guide, `add ssl crt-list`). Methods throw CertificateError.
 */
export class ListEditor {
  readonly #store: CertificateStore;
  /** Highest line of each list so far. */
  readonly #lines = new Map<string, number>();
  /** Who has a list, kept where its last line goes. */
  readonly #owners = new Map<string, Set<BindTls>>();

  constructor(store: CertificateStore) {
    this.#store = store;
    for (const bind of store.users.binds) {
      for (const { listed } of bind.entries) {
        if (!listed) continue;
        this.#lines.set(listed.list, Math.max(listed.line, this.#lines.get(listed.list) ?? 0));
        const owners = this.#owners.get(listed.list) ?? new Set();
        this.#owners.set(listed.list, owners.add(bind));
      }
    }
  }

  get names(): string[] {
    return [...this.#owners.keys()].sort();
  }

  /** undefined = there is no such list. */
  linesOf(list: string): ListLine[] | undefined {
    const owners = this.#owners.get(list);
    if (!owners) return undefined;
    const [first] = owners;
    return (first?.entries ?? []).flatMap(({ listed, certificates: [one] }) =>
      listed?.list === list && one ? [{ ...listed, file: one.file }] : [],
    );
  }

  /** In how many places the line is in force now. */
  add(list: string, text: string): { file: string; uses: number } {
    const owners = this.#ownersOf(list);
    const line = parseCrtLine(text.trim(), 'CLI', 1);
    if (line.options.length > 0) {
      throw new CertificateError('options in brackets are only read from files');
    }
    const certificate = this.#filled(line.file);
    const directory = (this.#lines.get(list) ?? 0) === 0;
    if (directory && line.text !== '') {
      throw new CertificateError(
        'this is a directory, SSL configuration and filters are not allowed',
      );
    }
    if (directory && this.linesOf(list)?.some(({ file }) => file === line.file)) {
      throw new CertificateError('file already exists in this directory!');
    }
    const next = directory ? 0 : (this.#lines.get(list) ?? 0) + 1;
    const entry: CertificateEntry = {
      certificates: [certificate],
      names: line.names,
      except: line.except,
      listed: { list, line: next, text: line.text },
    };
    const renewals = [...owners].map((bind) =>
      renewBind(bind, { entries: [...bind.entries, entry] }),
    );
    for (const renew of renewals) renew();
    this.#lines.set(list, next);
    return { file: line.file, uses: renewals.length };
  }

  /** `<file>` or `<file>:<line>`; returns the file. */
  delete(list: string, what: string): string {
    const [, file = what, number] = /^([^:]*):(.*)$/s.exec(what) ?? [];
    if (number !== undefined && !/^\d+$/.test(number)) {
      throw new CertificateError(`wrong line number after colons in '${what}'!`);
    }
    const owners = this.#ownersOf(list);
    this.#filled(file);
    const lines = (this.linesOf(list) ?? []).filter((one) => one.file === file);
    if (lines.length === 0) {
      throw new CertificateError(`certificate '${file}' can't be found in crt-list '${list}'!`);
    }
    const known = lines.map(({ line }) => line).join(', ');
    const wanted =
      number === undefined ? lines[0]! : lines.find(({ line }) => line === Number(number));
    if (!wanted) {
      throw new CertificateError(
        `found a certificate '${file}' but the line number is incorrect, please specify a correct line number preceded by colons (${known})!`,
      );
    }
    if (number === undefined && lines.length > 1) {
      throw new CertificateError(
        `found the certificate '${file}' in several entries, please specify a line number preceded by colons (${known})!`,
      );
    }
    const isIt = ({ listed, certificates }: CertificateEntry): boolean =>
      listed?.list === list && listed.line === wanted.line && certificates[0]?.file === file;
    const defaults = [...owners].filter(
      ({ entries, strictSni }) => !strictSni && isIt(entries[0]!),
    );
    if (defaults.length > 0) {
      const places = defaults.map((bind) => `\t- ${this.#store.users.placeOf(bind)}\n`).join('');
      throw new CertificateError(
        `certificate '${file}' cannot be deleted, it is used as default certificate by the following frontends:\n${places}`,
      );
    }
    const renewals = [...owners].map((bind) =>
      renewBind(bind, { entries: bind.entries.filter((entry) => !isIt(entry)) }),
    );
    for (const renew of renewals) renew();
    return file;
  }

  #ownersOf(list: string): ReadonlySet<BindTls> {
    const owners = this.#owners.get(list);
    if (!owners) throw new CertificateError(`crt-list '${list}' does not exist!`);
    return owners;
  }

  #filled(file: string) {
    if (!this.#store.has(file)) throw new CertificateError(`certificate '${file}' does not exist!`);
    const certificate = this.#store.get(file);
    if (!certificate) throw new CertificateError(`certificate '${file}' is empty!`);
    return certificate;
  }
}
