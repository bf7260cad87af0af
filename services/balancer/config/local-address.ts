import path from 'node:path';
import { expandAddress } from './expand.ts';
import type { Environment } from './lexer.ts';

/** An address that is no IP address: HAProxy 2.6 manual, section 4.2 "bind". */
export type LocalAddress =
  /** Path in the file system, or a NUL and the padded name of an abstract socket. */
  | { kind: 'path'; host: string }
  /** A socket that this process has inherited. */
  | { kind: 'descriptor'; fd: number }
  | { kind: 'invalid'; error: string };

/** `sun_path` of unix(7). */
const PATH_SIZE = 108;

/** Reads `unix@path`, `/path`, `abns@name` and `fd@number`; undefined for any other address. */
export function parseLocalAddress(
  written: string,
  environment: Environment,
): LocalAddress | undefined {
  const expanded = expandAddress(written, environment);
  if (expanded.error !== undefined) return undefined;
  const { text } = expanded;
  const [, prefix, rest = ''] = /^(unix|abns|fd)@(.*)$/.exec(text) ?? [];
  const invalid = (error: string): LocalAddress => ({ kind: 'invalid', error });
  if (prefix === 'fd') {
    const fd = Number(rest);
    if (!/^\d+$/.test(rest)) {
      return invalid(`file descriptor '${rest}' is not a valid integer in '${written}'`);
    }
    return { kind: 'descriptor', fd };
  }
  if (prefix === undefined && !text.startsWith('/')) return undefined;
  const name = prefix === undefined ? text : rest;
  if (name === '') return invalid(`missing name of a socket in '${written}'`);
  const limit = PATH_SIZE - 1;
  if (Buffer.byteLength(name) > limit) {
    return invalid(`socket path '${name}' too long (max ${limit})`);
  }
  // An abstract name is as long as the kernel's field, zeros and all, for HAProxy to find it.
  if (prefix === 'abns') {
    return { kind: 'path', host: `\0${name}`.padEnd(PATH_SIZE, '\0') };
  }
  return { kind: 'path', host: path.resolve(name) };
}
