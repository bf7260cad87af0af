import type { Message } from '../http/message.ts';
import { pathAndQuery, pathOf } from '../samples/fetches/http-names.ts';

/** What stands before the path of an absolute target; a target without a path is all path. */
function origin(target: string): string {
  const rest = pathAndQuery(target);
  return rest === '' ? '' : target.slice(0, target.length - rest.length);
}

/** The path alone is replaced; a query stays. */
export function setPath(request: Message, path: string): void {
  const { target } = request;
  const query = target.indexOf('?');
  request.target = clean(origin(target) + path + (query < 0 ? '' : target.slice(query)));
}

export function setPathAndQuery(request: Message, value: string): void {
  request.target = clean(origin(request.target) + value);
}

/** `value` may or may not begin with a question mark; '' takes the query away. */
export function setQuery(request: Message, value: string): void {
  const path = request.target.replace(/\?.*$/s, '');
  const bare = value.replace(/^\?/, '');
  request.target = clean(bare === '' ? path : `${path}?${bare}`);
}

export function setTarget(request: Message, value: string): void {
  request.target = clean(value);
  // `host` must not contradict an absolute target (RFC 9112, 3.2.2).
  const authority = authorityOf(value);
  if (authority !== '') request.edit((name, old) => (name === 'host' ? authority : old));
}

/** Of an absolute target, without its user; '' where there is none. */
function authorityOf(target: string): string {
  if (/^[/*]/.test(target)) return '';
  const [, authority = ''] = /^(?:[a-z][a-z0-9+.-]*:\/\/)?([^/]*)/i.exec(target) ?? [];
  return authority.slice(authority.lastIndexOf('@') + 1);
}

/** A target has no blanks and no controls (RFC 9112, 3.2): they would end it. */
function clean(target: string): string {
  const encoded = target.replace(/[^\x21-\x7e\x80-\xff]/g, (char) => {
    return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return encoded === '' ? '/' : encoded;
}

const UNRESERVED = /[A-Za-z0-9._~-]/;

/** `normalize-uri <name>` (HAProxy 2.6 manual); undefined = the target is broken, and refused. */
export const NORMALIZERS: Readonly<
  Record<string, (target: string, option: string) => string | undefined>
> = {
  'fragment-strip': (target) => target.replace(/#.*$/s, ''),
  'fragment-encode': (target) => target.replace(/#/g, '%23'),
  'path-merge-slashes': (target) => inPath(target, (path) => path.replace(/\/{2,}/g, '/')),
  'path-strip-dot': (target) =>
    inPath(target, (path) =>
      path
        .replace(/\/(?:\.\/)+/g, '/')
        .replace(/\/\.$/, '/')
        .replace(/^\.\//, ''),
    ),
  'path-strip-dotdot': (target, option) =>
    inPath(target, (path) => withoutDotDot(path, option === 'full')),
  'percent-decode-unreserved': (target, option) => {
    if (option === 'strict' && /%(?![0-9a-fA-F]{2})/.test(target)) return undefined;
    return target.replace(/%([0-9a-fA-F]{2})/g, (whole, digits: string) => {
      const char = String.fromCharCode(Number.parseInt(digits, 16));
      return UNRESERVED.test(char) ? char : whole;
    });
  },
  'percent-to-uppercase': (target, option) => {
    if (option === 'strict' && /%(?![0-9a-fA-F]{2})/.test(target)) return undefined;
    return target.replace(/%[0-9a-fA-F]{2}/g, (code) => code.toUpperCase());
  },
  'query-sort-by-name': (target) => {
    const at = target.indexOf('?');
    if (at < 0) return target;
    const nameOf = (part: string): string => part.split('=')[0] ?? '';
    const parts = target.slice(at + 1).split('&');
    parts.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : 0));
    return `${target.slice(0, at)}?${parts.join('&')}`;
  },
};

function inPath(target: string, change: (path: string) => string): string {
  const path = pathOf(target);
  const start = origin(target).length;
  return target.slice(0, start) + change(path) + target.slice(start + path.length);
}

/** `/a/../b` is `/b`; leading ones stay unless `full`. */
function withoutDotDot(path: string, full: boolean): string {
  const kept: string[] = [];
  const segments = path.split('/');
  for (const [index, segment] of segments.entries()) {
    if (segment !== '..') {
      kept.push(segment);
      continue;
    }
    if (kept.length > 1 && kept.at(-1) !== '..') kept.pop();
    else if (!full) kept.push(segment);
    if (index === segments.length - 1) kept.push('');
  }
  return kept.join('/');
}
