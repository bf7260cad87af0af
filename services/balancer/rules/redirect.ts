import { localResponse } from '../http/errors.ts';
import { reasonOf } from '../http/reasons.ts';
import { ExpressionError } from '../samples/fetch.ts';
import { pathAndQuery } from '../samples/fetches/http-names.ts';
import { type RuleContext, textOf } from './context.ts';
import type { Reply, TextOf } from './model.ts';
import { oneLine } from './reply.ts';
import type { Words } from './words.ts';

const CODES = ['301', '302', '303', '307', '308'];
/** Statuses that no cache may keep unless told so. */
const TEMPORARY = [302, 303, 307];

type Kind = 'location' | 'prefix' | 'scheme';

interface Redirect {
  kind: Kind;
  target: TextOf;
  code: number;
  dropQuery: boolean;
  appendSlash: boolean;
  ignoreEmpty: boolean;
  cookie: string | undefined;
}

/** `redirect <kind> <target> [option…]`: HAProxy 2.6 manual, section 4.2. Throws ExpressionError. */
export function parseRedirect(words: Words, context: RuleContext): Reply {
  const redirect: Partial<Redirect> & { code: number } = { code: 302 };
  while (!words.atCondition) {
    const word = words.take();
    const value = (): string => words.need(`'${word}' expects an argument`);
    if (word === 'location' || word === 'prefix' || word === 'scheme') {
      redirect.kind = word;
      redirect.target = textOf(value(), context);
    } else if (word === 'code') {
      const code = value();
      if (!CODES.includes(code)) {
        throw new ExpressionError(
          `'code' : unsupported HTTP code '${code}' (must be one of 301, 302, 303, 307 or 308)`,
        );
      }
      redirect.code = Number(code);
    } else if (word === 'set-cookie') {
      redirect.cookie = `${value()}; path=/;`;
    } else if (word === 'clear-cookie') {
      redirect.cookie = `${value()}; path=/; Max-Age=0;`;
    } else if (word === 'drop-query') {
      redirect.dropQuery = true;
    } else if (word === 'append-slash') {
      redirect.appendSlash = true;
    } else if (word === 'ignore-empty') {
      redirect.ignoreEmpty = true;
    } else {
      throw new ExpressionError(
        `expects 'code', 'prefix', 'location', 'scheme', 'set-cookie', 'clear-cookie', 'drop-query', 'ignore-empty' or 'append-slash' (was '${word}')`,
      );
    }
  }
  const { kind, target } = redirect;
  if (!kind || !target) {
    throw new ExpressionError("expects a redirection type ('prefix', 'location', or 'scheme')");
  }
  return makeReply({
    kind,
    target,
    code: redirect.code,
    dropQuery: redirect.dropQuery ?? false,
    appendSlash: redirect.appendSlash ?? false,
    ignoreEmpty: redirect.ignoreEmpty ?? false,
    cookie: redirect.cookie,
  });
}

function makeReply(redirect: Redirect): Reply {
  const { code, cookie, ignoreEmpty } = redirect;
  return (scope) => {
    const location = locationOf(redirect, scope);
    if (location === undefined) return undefined;
    if (ignoreEmpty && location === '') return undefined;
    const fields = ['content-length: 0', `location: ${oneLine(location)}`];
    if (TEMPORARY.includes(code)) fields.push('cache-control: no-cache');
    if (cookie !== undefined) fields.push(`set-cookie: ${cookie}`);
    return localResponse(code, code === 302 ? 'Found' : reasonOf(code), fields, Buffer.alloc(0));
  };
}

function locationOf(
  { kind, target, dropQuery, appendSlash }: Redirect,
  scope: Parameters<TextOf>[0],
): string | undefined {
  const value = target(scope);
  if (kind === 'location') return value;
  const { request } = scope;
  const host = request?.values('host')[0] ?? '';
  if (kind === 'prefix' && value === '') return undefined;
  let path = pathAndQuery(request?.target ?? '/') || '/';
  if (dropQuery) path = path.replace(/\?.*$/s, '');
  // Made for use with `drop-query`: behind a query, too (HAProxy).
  if (appendSlash && !path.endsWith('/')) path += '/';
  if (kind === 'prefix') return (value === '/' ? '' : value) + path;
  return `${value}://${host}${path}`;
}
