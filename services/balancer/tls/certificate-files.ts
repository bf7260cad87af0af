import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Certificate, CertificateError, loadCertificate } from './certificate.ts';
import { systemReason } from './system-reason.ts';

/** Certificates that share a place on the `bind` line, and the names they are asked by. */
export interface CertificateEntry {
  /** One of each key type. */
  readonly certificates: readonly Certificate[];
  /** undefined = the certificates' own names. */
  readonly names: readonly string[] | undefined;
  /** Names that a wildcard above would cover and this entry does not. */
  readonly except: readonly string[];
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
  if (files) return files.map((file) => entry(loadCertificate(file)));
  if (!existsSync(where)) {
    const bundle = BUNDLE.map((kind) => `${where}.${kind}`).filter((file) => existsSync(file));
    if (bundle.length > 0) return [entry(...bundle.map(loadCertificate))];
  }
  return [entry(loadCertificate(where))];
}

/**
 * Reads a `crt-list`: a line has a file and the names that choose it, `!name` for exceptions
 * (HAProxy manual, section 5.1 "crt-list"). Throws CertificateError.
 */
export function loadCrtList(file: string, base: string | undefined): CertificateEntry[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason = systemReason(error);
    throw new CertificateError(`'crt-list' : cannot open file '${file}' : ${reason}`);
  }
  return text.split('\n').flatMap((line, index) => {
    const [where, ...words] = line.trim().split(/\s+/);
    if (where === undefined || where === '' || where.startsWith('#')) return [];
    if (words[0]?.startsWith('[')) {
      const what = 'parameters of single certificates are not supported';
      throw new CertificateError(`'crt-list' : ${what} in '${file}' line ${index + 1}.`);
    }
    const names = words.filter((word) => !word.startsWith('!')).map((word) => word.toLowerCase());
    const except = words
      .filter((word) => word.startsWith('!'))
      .map((word) => word.slice(1).toLowerCase());
    return loadEntries(resolveIn(base, where)).map((each) => ({
      ...each,
      names: names.length > 0 ? names : undefined,
      except,
    }));
  });
}

/** A path below `crt-base` or `ca-base`, unless it is absolute. */
export const resolveIn = (base: string | undefined, file: string): string =>
  base === undefined || file.startsWith('/') || file.startsWith('@') ? file : `${base}/${file}`;
