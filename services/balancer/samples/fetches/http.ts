import { avalanche, sdbm } from '../../policies/hashing/functions.ts';
import { setCookieOf } from '../../stickiness/cookies.ts';
import { leadingInteger } from '../cast.ts';
import {
  type CompileEnvironment,
  ExpressionError,
  type Fetch,
  type FetchTable,
  integerOf,
  plain,
  type Source,
} from '../fetch.ts';
import { parseIp } from '../ip.ts';
import { address, bin, bool, int, optional, type Sample, str, textOf } from '../sample.ts';
import type { Captures, Scope } from '../scope.ts';
import { cookiesOf, parametersOf, pathAndQuery, pathOf, queryOf } from './http-names.ts';

const request = (
  out: Fetch['out'],
  summary: string,
  of: (target: string, scope: Scope) => Sample | undefined,
): Fetch =>
  plain(out, 'request', summary, (scope) => scope.request && of(scope.request.target, scope));

const hostOf = ({ request }: Scope): string => request?.values('host')[0] ?? '';
const nonEmpty = (text: string): Sample | undefined => (text === '' ? undefined : str(text));

function base(scope: Scope): string {
  return hostOf(scope) + pathOf(scope.request?.target ?? '');
}

function hashBytes(text: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(avalanche(sdbm(text)));
  return bytes.toString('latin1');
}

const withSource = (text: (scope: Scope) => string): Fetch =>
  plain('bin', 'request', 'a hash with the client address behind it', (scope) => {
    const source = parseIp(scope.client.host);
    return scope.request && source && bin(hashBytes(text(scope)) + textOf(source));
  });

/** Several values by one name: the last for a value, all for a condition. */
function named(
  source: Source,
  out: Fetch['out'],
  summary: string,
  usage: string,
  read: (scope: Scope, name: string, more: string | undefined) => string[],
  { make = str as (value: string) => Sample, first = false } = {},
): Fetch {
  return {
    out,
    source,
    usage,
    args: [0, 2],
    summary,
    make:
      ([name = '', more]) =>
      (scope) => {
        const found = read(scope, name, more);
        return optional(first || name === '' ? found[0] : found.at(-1), make);
      },
    all:
      ([name = '', more]) =>
      (scope) =>
        read(scope, name, more).map((value) => make(value)),
  };
}

const number = (value: string): Sample => int(leadingInteger(value));

function cookies({ request }: Scope, name: string): string[] {
  const values: string[] = [];
  for (const field of request?.values('cookie') ?? []) {
    for (const [key, value] of cookiesOf(field))
      if (name === '' || key === name) values.push(value);
  }
  return values;
}

function setCookies({ response }: Scope, name: string): string[] {
  return (response?.values('set-cookie') ?? []).flatMap((field) => {
    const cookie = setCookieOf(field);
    return cookie && (name === '' || cookie.name === name) ? [cookie.value] : [];
  });
}

const count = (source: Source, read: (scope: Scope, name: string) => string[]): Fetch => ({
  out: 'sint',
  source,
  usage: '[<name>]',
  args: [0, 1],
  summary: 'number of such cookies',
  make:
    ([name = '']) =>
    (scope) =>
      int(read(scope, name).length),
});

function parameters({ request }: Scope, name: string, delimiter = '?'): string[] {
  const target = request?.target ?? '';
  const at = target.indexOf(delimiter);
  if (at < 0) return [];
  return [...parametersOf(target.slice(at + 1), delimiter)].flatMap(([key, value]) =>
    name === '' || key === name ? [value] : [],
  );
}

function bodyParameters({ body }: Scope, name: string): string[] {
  if (body === undefined) return [];
  return [...parametersOf(body)].flatMap(([key, value]) =>
    name === '' || key === name ? [value] : [],
  );
}

const COOKIE = named('request', 'str', "value of the request's cookie", '[<name>]', cookies);
const COOKIE_NUMBER = named(
  'request',
  'sint',
  "the request's cookie as a number",
  '[<name>]',
  cookies,
  { make: number },
);
const SET_COOKIE = named(
  'response',
  'str',
  "value of the response's cookie",
  '[<name>]',
  setCookies,
);
const SET_COOKIE_NUMBER = named(
  'response',
  'sint',
  "the response's cookie as a number",
  '[<name>]',
  setCookies,
  { make: number },
);
const PARAMETER = named(
  'request',
  'str',
  "a parameter of the target's query",
  '[<name>[,<delim>]]',
  parameters,
  { first: true },
);
const VERSION = plain(
  'str',
  'request',
  "version of the request's HTTP",
  ({ request }) => request && str(request.version),
);
const RESPONSE_VERSION = plain(
  'str',
  'response',
  "version of the response's HTTP",
  ({ response }) => response && str(response.version),
);

/** RFC 7617: user and password of `authorization`. */
export function basicCredentials({
  request,
}: Scope): { user: string; password: string } | undefined {
  const found = /^basic +(.*)$/i.exec(request?.values('authorization')[0] ?? '');
  const text = found && Buffer.from(found[1]!, 'base64').toString('latin1');
  const colon = text?.indexOf(':') ?? -1;
  if (!text || colon < 0) return undefined;
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

const authorizationScheme = ({ request }: Scope): string =>
  request?.values('authorization')[0]?.split(' ')[0] ?? '';

const captured = (of: (scope: Scope) => Captures, side: string): Fetch => ({
  out: 'str',
  source: 'capture',
  usage: '<idx>',
  args: [1, 1],
  summary: `a captured field of the ${side}`,
  make: ([text = '']) => {
    const index = integerOf(text, 'capture slot', 0);
    return (scope) => optional(of(scope)[index], str);
  },
});

const word = (index: number) => (scope: Scope) =>
  optional(scope.requestLine?.split(' ')[index], str);

const auth = (out: Fetch['out'], summary: string): Fetch => ({
  out,
  source: 'request',
  usage: '<userlist>',
  args: [1, 1],
  summary,
  make: ([name = ''], environment) => {
    const list = environment.userlist?.(name);
    if (!list) throw new ExpressionError(`unable to find userlist '${name}'`);
    return (scope) => {
      const given = basicCredentials(scope);
      const groups = given && list.authenticate(given.user, given.password);
      if (out === 'bool') return bool(groups !== undefined);
      return groups && given && str(given.user);
    };
  },
  ...(out === 'str' && {
    // Conditions compare with groups.
    all:
      ([name = ''], environment: CompileEnvironment) =>
      (scope: Scope) => {
        const given = basicCredentials(scope);
        const list = environment.userlist?.(name);
        return (given && list?.authenticate(given.user, given.password)?.map(str)) ?? [];
      },
  }),
});

/** Requests and responses: HAProxy 2.6 manual, section 7.3.6. */
export const HTTP_FETCHES: FetchTable = {
  method: plain(
    'meth',
    'capture',
    'the method',
    ({ request }) => request && { type: 'meth', value: request.method },
  ),
  path: request('str', 'the path, without the query', (target) => nonEmpty(pathOf(target))),
  pathq: request('str', 'the path with the query', (target) => nonEmpty(pathAndQuery(target))),
  query: request('str', 'what follows the question mark', (target) =>
    optional(queryOf(target), str),
  ),
  url: request('str', 'the target as it was sent', (target) => str(target)),
  url_ip: request('ipv4', "the target's host, when it is an address", (target) => {
    const found = /^[a-z]+:\/\/(\d+\.\d+\.\d+\.\d+)/i.exec(target);
    return optional(found ? parseIp(found[1]!) : undefined, address);
  }),
  url_port: request('sint', "the target's port", (target) =>
    int(Number(/^[a-z]+:\/\/[^/]*:(\d+)/i.exec(target)?.[1] ?? (target.includes('://') ? 80 : 0))),
  ),
  url_param: PARAMETER,
  urlp: PARAMETER,
  urlp_val: named(
    'request',
    'sint',
    "a parameter of the target's query as a number",
    '[<name>[,<delim>]]',
    parameters,
    { make: number, first: true },
  ),
  url32: request('sint', 'a hash of host and target', (target, scope) =>
    int(avalanche(sdbm(hostOf(scope) + target))),
  ),
  'url32+src': withSource((scope) => hostOf(scope) + (scope.request?.target ?? '')),
  base: request('str', 'host and path', (_target, scope) => nonEmpty(base(scope))),
  baseq: request('str', 'host, path and query', (target, scope) =>
    nonEmpty(hostOf(scope) + pathAndQuery(target)),
  ),
  base32: request('sint', 'a hash of `base`', (_target, scope) =>
    int(avalanche(sdbm(base(scope)))),
  ),
  'base32+src': withSource(base),
  'req.ver': VERSION,
  req_ver: VERSION,
  'res.ver': RESPONSE_VERSION,
  resp_ver: RESPONSE_VERSION,
  status: plain(
    'sint',
    'response',
    'the status',
    ({ response }) => response && int(response.status),
  ),
  'req.cook': COOKIE,
  cook: COOKIE,
  cookie: COOKIE,
  'req.cook_cnt': count('request', cookies),
  cook_cnt: count('request', cookies),
  'req.cook_val': COOKIE_NUMBER,
  cook_val: COOKIE_NUMBER,
  'res.cook': SET_COOKIE,
  scook: SET_COOKIE,
  'res.cook_cnt': count('response', setCookies),
  scook_cnt: count('response', setCookies),
  'res.cook_val': SET_COOKIE_NUMBER,
  scook_val: SET_COOKIE_NUMBER,
  'req.body': plain('bin', 'body', 'what has come of the body', ({ body }) => optional(body, bin)),
  'req.body_len': plain('sint', 'body', 'length of what has come of the body', ({ body }) =>
    int(body?.length ?? 0),
  ),
  'req.body_size': plain('sint', 'body', 'length that the body announces', ({ body, bodySize }) =>
    int(bodySize ?? body?.length ?? 0),
  ),
  'req.body_param': named('body', 'str', 'a parameter in the body', '[<name>]', bodyParameters, {
    first: true,
  }),
  http_first_req: plain(
    'bool',
    'capture',
    'whether it is the first request of its connection',
    ({ again }) => bool(!again),
  ),
  http_auth: auth('bool', 'whether user and password are in the list'),
  http_auth_group: auth('str', 'the user; matched against groups of the list'),
  http_auth_user: plain('str', 'request', 'the user (RFC 7617)', (scope) =>
    optional(basicCredentials(scope)?.user, str),
  ),
  http_auth_pass: plain('str', 'request', 'the password (RFC 7617)', (scope) =>
    optional(basicCredentials(scope)?.password, str),
  ),
  http_auth_type: plain('str', 'request', 'the scheme of `authorization`', (scope) =>
    nonEmpty(authorizationScheme(scope)),
  ),
  http_auth_bearer: {
    out: 'str',
    source: 'request',
    usage: '[<header>]',
    args: [0, 1],
    summary: 'the token (RFC 6750)',
    make:
      ([name = '']) =>
      ({ request }) => {
        const value = request?.values(name === '' ? 'authorization' : name.toLowerCase())[0] ?? '';
        const found = /^bearer +(.+)$/i.exec(value);
        if (found) return str(found[1]!);
        return name === '' ? undefined : nonEmpty(value);
      },
  },
  'capture.req.hdr': captured(({ captures }) => captures.request, 'request'),
  'capture.res.hdr': captured(({ captures }) => captures.response, 'response'),
  'capture.req.method': plain('str', 'capture', 'the method as it came', word(0)),
  'capture.req.uri': plain('str', 'capture', 'the target as it came', word(1)),
  'capture.req.ver': plain('str', 'capture', 'the version as it came', (scope) =>
    optional(scope.requestLine?.split(' ')[2] ?? scope.request?.line.split(' ')[2], str),
  ),
  'capture.res.ver': plain(
    'str',
    'capture',
    "the response's version",
    ({ response }) => response && str(`HTTP/${response.version}`),
  ),
  'unique-id': plain('str', 'internal', 'the unique id', ({ uniqueId }) => optional(uniqueId, str)),
  'req.proto_http': plain('bool', 'capture', 'whether it is HTTP', ({ request }) =>
    bool(request !== undefined),
  ),
  req_proto_http: plain('bool', 'capture', 'whether it is HTTP', ({ request }) =>
    bool(request !== undefined),
  ),
};
