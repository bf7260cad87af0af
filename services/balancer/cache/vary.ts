import type { Message } from '../http/message.ts';
import { listOf } from '../samples/fetches/http-names.ts';
import type { Variant } from './entry.ts';

/** Codings that a cache can tell apart: those registered for HTTP (RFC 9110, 8.4.1). */
const CODINGS: ReadonlySet<string> = new Set([
  'identity',
  'gzip',
  'x-gzip',
  'deflate',
  'br',
  'compress',
  'x-compress',
  'zstd',
]);

const normal = (coding: string): string => coding.toLowerCase().replace(/^x-/, '');

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
export function variantOf(request: Message, response: Message): Variant | undefined | false {
  if (!response.has('vary')) return undefined;
  const names = varied(response);
  if (!names) return false;
  if (names.size === 0) return undefined;
  const codings = listOf(response.values('content-encoding')).map(normal);
  const encoding = codings[0] ?? 'identity';
  const told = codings.length <= 1 && CODINGS.has(encoding);
  if (names.has('accept-encoding') && !told) return false;
  return {
    encoding: names.has('accept-encoding') ? encoding : undefined,
    referer: names.has('referer') ? (request.values('referer')[0] ?? '') : undefined,
  };
}

/** Whether a kept variant is what the server would give to this request. */
export function suits(variant: Variant | undefined, request: Message): boolean {
  if (!variant) return true;
  const { encoding, referer } = variant;
  if (referer !== undefined && (request.values('referer')[0] ?? '') !== referer) return false;
  return encoding === undefined || accepts(request, encoding);
}

/** RFC 9110, 12.5.3. */
function accepts(request: Message, coding: string): boolean {
  const lines = request.values('accept-encoding');
  let wildcard: boolean | undefined;
  for (const value of listOf(lines)) {
    const [name = '', ...parameters] = value.split(';');
    const allowed = !parameters.some((each) => /^\s*q\s*=\s*0(?:\.0{0,3})?\s*$/i.test(each));
    const known = normal(name.trim());
    if (known === coding) return allowed;
    if (known === '*') wildcard = allowed;
  }
  if (coding === 'identity') return wildcard !== false;
  return wildcard ?? false;
}
