import { fieldOf, type RequestHead } from '../../http/head.ts';
import type { BalanceAlgorithm } from '../../model.ts';

type Uri = Extract<BalanceAlgorithm, { name: 'uri' }>;

const SLASH = 47;
const QUESTION_MARK = 63;

/** The part of the target that `balance uri` looks at (manual, section 4.2). */
export function uriKey(target: string, { whole, pathOnly, length, depth }: Uri): string {
  let text = pathOnly ? pathOf(target) : target;
  if (length > 0) text = text.slice(0, length);
  let slashes = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === SLASH) {
      slashes += 1;
      if (depth > 0 && slashes === depth + 1) return text.slice(0, at);
    } else if (code === QUESTION_MARK && !whole) {
      return text.slice(0, at);
    }
  }
  return text;
}

/** Without scheme and authority (RFC 9112, 3.2.2); '' where it has no path. */
function pathOf(target: string): string {
  if (target.charCodeAt(0) === SLASH) return target;
  const scheme = target.indexOf('://');
  const path = scheme < 0 ? -1 : target.indexOf('/', scheme + 3);
  return path < 0 ? '' : target.slice(path);
}

/** The value of the first parameter called `name` in the query string; undefined without one. */
export function parameterOf(target: string, name: string): string | undefined {
  const query = target.indexOf('?');
  return query < 0 ? undefined : parameterIn(target, query + 1, name);
}

/** The same in a form's body. What is no form, by its first character, has no key. */
export function formParameterOf(body: string, name: string): string | undefined {
  const value = parameterIn(body, 0, name);
  if (value === undefined || value === '' || TOKEN.test(value)) return value;
  return BLANK.test(value) ? '' : undefined;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]/;
const BLANK = /^[ \t\r\n]/;

function parameterIn(text: string, from: number, name: string): string | undefined {
  for (let at = from; ; ) {
    const end = text.indexOf('&', at);
    const stop = end < 0 ? text.length : end;
    if (text.charAt(at + name.length) === '=' && text.startsWith(name, at)) {
      return text.slice(at + name.length + 1, Math.max(stop, at + name.length + 1));
    }
    if (end < 0) return undefined;
    at = end + 1;
  }
}

/** The first value of the field; undefined where there is none. `name` is in lower case. */
export function headerKey(
  head: RequestHead,
  name: string,
  domainOnly: boolean,
): string | undefined {
  const field = fieldOf(head, name);
  if (field === undefined) return undefined;
  const value = firstOf(field);
  if (value === '') return undefined;
  return domainOnly ? mainDomain(value) : value;
}

/** A comma ends a value, but not inside of quotes (RFC 9110, 5.6.1). */
function firstOf(field: string): string {
  if (!field.includes(',')) return field;
  const found = /^(?:[^",]|"(?:[^"\\]|\\.)*(?:"|$))*/s.exec(field);
  return (found?.[0] ?? field).trim();
}

/**
 * What stands before the last dot, up to the dot before that: `a` of `www.a.com`. HAProxy looks at
 * neither the first character nor the one next to the last dot.
 */
function mainDomain(host: string): string {
  const end = host.lastIndexOf('.');
  if (end <= 0) return host;
  return host.slice(end < 2 ? 0 : host.lastIndexOf('.', end - 2) + 1, end);
}
