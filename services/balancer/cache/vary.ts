import type { Message } from '../http/message.ts';
import { listOf } from '../samples/fetches/http-names.ts';
import type { Variant } from './entry.ts';

/** Codings that a cache can tell apart: those registered for HTTP (RFC 9110, 8.4.1). */
const CODINGS: ReadonlySet<string> = new Set([
  'identity',
  'aes128gcm',
  'br',
  'compress',
  'deflate',
  'exi',
  'gzip',
  'pack200-gzip',
  'zstd',
]);

/** A request that names as many codings is not worth a place (as in HAProxy). */
const MAX_CODINGS = 16;

const normal = (coding: string): string =>
  coding.toLowerCase().replace(/^x-(?=gzip$|compress$)/, '');

/** What a request wants of the fields that responses may vary with. */
export interface Wanted {
  readonly referer: string;
  /** Whether its client can read a body in this coding. */
  accepts(coding: string): boolean;
}

/** Undefined = it names too many codings: it is neither answered by a variant nor makes one. */
export function wantedOf(request: Message): Wanted | undefined {
  const codings = listOf(request.values('accept-encoding'));
  if (codings.length >= MAX_CODINGS) return undefined;
  return { referer: request.values('referer')[0] ?? '', accepts: accepted(codings) };
}

/** RFC 9110, 12.5.3: no field allows any coding, an empty one none. */
function accepted(codings: readonly string[]): (coding: string) => boolean {
  if (codings.length === 0) return () => true;
  const named = new Map<string, boolean>();
  for (const value of codings) {
    const [name = '', ...parameters] = value.split(';');
    const allowed = !parameters.some((each) => /^\s*q\s*=\s*0(?:\.0{0,3})?\s*$/i.test(each));
    named.set(normal(name.trim()), allowed);
  }
  const wildcard = named.get('*');
  return (coding) => named.get(coding) ?? wildcard ?? coding === 'identity';
}

/** Fields that `vary` may name. `undefined` = it names one that is not understood. */
function varied(response: Message): ReadonlySet<string> | undefined {
  const names = new Set(listOf(response.values('vary')).map((name) => name.toLowerCase()));
  names.delete('');
  for (const name of names) {
    if (name !== 'accept-encoding' && name !== 'referer') return undefined;
  }
  return names;
}

/**
 * What tells the response to this request from others of its address: undefined = nothing does,
 * `false` = it cannot be told, so it must not be kept.
 */
export function variantOf(
  wanted: Wanted | undefined,
  response: Message,
): Variant | undefined | false {
  if (!response.has('vary')) return undefined;
  const names = varied(response);
  if (!names) return false;
  if (names.size === 0) return undefined;
  if (!wanted) return false;
  const codings = [...new Set(listOf(response.values('content-encoding')).map(normal))];
  if (codings.length === 0) codings.push('identity');
  if (names.has('accept-encoding') && !codings.every((coding) => CODINGS.has(coding))) return false;
  return {
    encoding: names.has('accept-encoding') ? codings.sort().join() : undefined,
    referer: names.has('referer') ? wanted.referer : undefined,
  };
}

/** Whether a kept variant is what the server would give to a request that wants this. */
export function suits(variant: Variant | undefined, wanted: Wanted | undefined): boolean {
  if (!variant) return true;
  if (!wanted) return false;
  const { encoding, referer } = variant;
  if (referer !== undefined && wanted.referer !== referer) return false;
  return encoding === undefined || encoding.split(',').every(wanted.accepts);
}
