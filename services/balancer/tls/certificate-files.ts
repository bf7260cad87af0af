import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Certificate, loadCertificate } from './certificate.ts';
import type { BindTls } from './config.ts';

/** Certificates that share a place on the `bind` line, and the names they are asked by. */
export interface CertificateEntry {
  /** One of each key type. */
  readonly certificates: readonly Certificate[];
  /** undefined = the certificates' own names. */
  readonly names: readonly string[] | undefined;
  /** Names that a wildcard above would cover and this entry does not. */
  readonly except: readonly string[];
  /** What is asked of who gets them, where it is not what the `bind` line asks. */
  readonly demands?: BindTls | undefined;
  /** Where a `crt-list` or a directory has it. */
  readonly listed?: Listed | undefined;
}

/** A line of a list. */
export interface Listed {
  /** The file, or the directory. */
  readonly list: string;
  /** Counts from 1; 0 in a directory. */
  readonly line: number;
  /** Options and names as `show ssl crt-list` has them. */
  readonly text: string;
}

/** Kept in files of their own beside a certificate; never one themselves. */
const EXTRAS = /\.(key|ocsp|sctl|issuer)$/;
const BUNDLE = ['rsa', 'ecdsa', 'dsa'];

const entry = (...certificates: Certificate[]): CertificateEntry => ({
  certificates,
  names: undefined,
  except: [],
});

/**
 * What `crt <path>` stands for: a file, `<path>.rsa` and `<path>.ecdsa` where the file itself is
 * missing, or every file of a directory in the order of their names. Throws CertificateError.
 */
export function loadEntries(where: string): CertificateEntry[] {
  const files = statSync(where, { throwIfNoEntry: false })?.isDirectory()
    ? readdirSync(where)
        .filter((name) => !name.startsWith('.') && !EXTRAS.test(name))
        .sort()
        .map((name) => path.join(where, name))
        .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
    : undefined;
  if (files) {
    const listed = { list: where.replace(/\/+$/, ''), line: 0, text: '' };
    return files.map((file) => ({ ...entry(loadCertificate(file)), listed }));
  }
  if (!existsSync(where)) {
    const bundle = BUNDLE.map((kind) => `${where}.${kind}`).filter((file) => existsSync(file));
    if (bundle.length > 0) return [entry(...bundle.map(loadCertificate))];
  }
  return [entry(loadCertificate(where))];
}

/** A path below `crt-base` or `ca-base`, unless it is absolute. */
export const resolveIn = (base: string | undefined, file: string): string =>
  base === undefined || file.startsWith('/') || file.startsWith('@') ? file : `${base}/${file}`;
