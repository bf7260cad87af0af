import { readFileSync } from 'node:fs';
import { CertificateError } from './certificate.ts';
import { systemReason } from './system-reason.ts';

/** One line of a `crt-list`. */
export interface CrtListLine {
  /** As it is written. */
  readonly file: string;
  /** What stands in brackets. */
  readonly options: readonly string[];
  /** Names that choose it; undefined = the certificate's own. */
  readonly names: readonly string[] | undefined;
  readonly except: readonly string[];
  /** All that follows the file, options in HAProxy's order. */
  readonly text: string;
  /** Counts from 1. */
  readonly line: number;
}

/** A file, perhaps options in brackets, and names. */
const LINE = /^(?<file>[^\s[\]]+)\s*(?:\[(?<options>[^[\]]*)\])?(?<names>[^[\]]*)$/;

/**
 * Reads a `crt-list`: a line has a file, options for who gets its certificate, and the names that
 * choose it, `!name` for exceptions and `!*` for none at all (HAProxy manual, section 5.1
 * "crt-list"). Throws CertificateError.
 */
export function readCrtList(file: string): CrtListLine[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason = systemReason(error);
    throw new CertificateError(`'crt-list' : cannot open file '${file}' : ${reason}`);
  }
  return text.split('\n').flatMap((line, index) => {
    const content = line.trim();
    return content === '' || content.startsWith('#') ? [] : parseCrtLine(content, file, index + 1);
  });
}

/** Reads one line of `file`. Throws CertificateError. */
export function parseCrtLine(content: string, file: string, line: number): CrtListLine {
  const found = LINE.exec(content)?.groups;
  if (!found)
    throw new CertificateError(`'crt-list' : parsing [${file}:${line}]: misplaced '[' or ']'`);
  const written = wordsOf(found.names);
  const options = wordsOf(found.options);
  const filters = written.map((word) => word.toLowerCase());
  const except = filters.filter((word) => word.startsWith('!')).map((word) => word.slice(1));
  const names = filters.filter((word) => !word.startsWith('!'));
  const own = names.length === 0 && !except.includes('*');
  return {
    file: found.file!,
    options,
    names: own ? undefined : names,
    except,
    text: [...(found.options === undefined ? [] : [`[${inOrder(options).join(' ')}]`]), ...written]
      .map((word) => ` ${word}`)
      .join(''),
    line,
  };
}

/** As HAProxy lists them, whatever their order in the file. */
const ORDER =
  'alpn verify ca-file crl-file ciphers ciphersuites curves ecdhe ssl-min-ver ssl-max-ver'.split(
    ' ',
  );

const inOrder = (options: readonly string[]): string[] =>
  ORDER.flatMap((name) => {
    const at = options.lastIndexOf(name);
    return at < 0 ? [] : [`${name} ${options[at + 1] ?? ''}`];
  });

const wordsOf = (text = ''): string[] => text.split(/\s+/).filter((word) => word !== '');
