import { type Fetch, type FetchTable, integerOf, plain } from '../fetch.ts';
import { bin, bool, int, optional, str, textOf } from '../sample.ts';
import type { Scope } from '../scope.ts';
import { type ClientHello, HANDSHAKE, readClientHello } from './tls-hello.ts';

/** More may come than there is. */
function wanting(scope: Scope): undefined {
  if (!scope.final) scope.missing = true;
  return undefined;
}

type Side = 'payload' | 'answer';
const OTHER_END = { payload: 'client', answer: 'server' } as const;

/** The TLS handshake message of a client, once it is there. */
function helloOf(scope: Scope): ClientHello | undefined {
  const found = readClientHello(scope.payload);
  return found ?? wanting(scope);
}

/** Type of the TLS handshake message that a server sends first: 2 = ServerHello. */
function serverHello(scope: Scope): number | undefined {
  const bytes = scope.answer;
  if (!bytes || bytes.length < 5) return wanting(scope);
  if (bytes[0] !== HANDSHAKE || bytes[1] !== 3) return undefined;
  return bytes.length < 5 + bytes.readUInt16BE(3) ? wanting(scope) : bytes[5];
}

const slice = (side: Side): Fetch => ({
  out: 'bin',
  source: side,
  usage: '<offset>,<length>',
  args: [2, 2],
  summary: `bytes that have come from the ${OTHER_END[side]}`,
  make: ([offset = '', length = '']) => {
    const from = integerOf(offset, 'offset', 0);
    const count = integerOf(length, 'length', 0);
    return (scope) => {
      const all = scope[side];
      if (!all || from > all.length) return wanting(scope);
      // No length stands for all that there is.
      if (count === 0) {
        // It may become more: only a match is final.
        wanting(scope);
        return from < all.length ? bin(textOf(all.subarray(from))) : undefined;
      }
      return from + count <= all.length
        ? bin(textOf(all.subarray(from, from + count)))
        : wanting(scope);
    };
  },
});

const prefixed = (side: Side): Fetch => ({
  out: 'bin',
  source: side,
  usage: '<offset1>,<length>[,<offset2>]',
  args: [2, 3],
  summary: 'bytes behind a length of `length` bytes at `offset1`',
  make: ([offset = '', length = '', more]) => {
    const from = integerOf(offset, 'offset', 0);
    const width = integerOf(length, 'length', 1, 4);
    const relative = more === undefined || /^[+-]/.test(more);
    const extra = more === undefined ? 0 : integerOf(more, 'offset');
    return (scope) => {
      const all = scope[side];
      if (!all || from + width > all.length) return wanting(scope);
      const size = all.readUIntBE(from, width);
      const start = relative ? from + width + extra : extra;
      if (start < 0 || start + size > all.length) return wanting(scope);
      return bin(textOf(all.subarray(start, start + size)));
    };
  },
});

const length = (side: Side): Fetch =>
  plain('sint', side, `number of bytes that have come from the ${OTHER_END[side]}`, (scope) => {
    // It may grow: only a match is final.
    wanting(scope);
    return int(scope[side]?.length ?? 0);
  });

/** Behind the headers of TPKT (4 bytes) and X.224 (7 bytes), a remote desktop client names itself. */
const RDP_HEADERS = 11;
const MAX_RDP = 1024;

function rdpCookies({ payload }: Scope): [name: string, value: string][] {
  if (payload?.[0] !== 3 || payload[1] !== 0) return [];
  const text = payload.toString('latin1', RDP_HEADERS, MAX_RDP);
  const found = /^Cookie:[ \t]*([^=\r\n]+)=([^\r\n]*)\r\n/.exec(text);
  return found ? [[found[1]!, found[2]!]] : [];
}

const rdpCookie: Fetch = {
  out: 'str',
  source: 'payload',
  usage: '[<name>]',
  args: [0, 1],
  summary: 'the cookie of a remote desktop client',
  make:
    ([name = '']) =>
    (scope) =>
      optional(
        rdpCookies(scope).find(
          ([key]) => name === '' || key.toLowerCase() === name.toLowerCase(),
        )?.[1],
        str,
      ),
};

const rdpCookieCount: Fetch = {
  ...rdpCookie,
  out: 'sint',
  summary: 'number of such cookies',
  make: (args, environment) => {
    const cookie = rdpCookie.make(args, environment);
    return (scope) => int(cookie(scope) === undefined ? 0 : 1);
  },
};

const hello = (
  out: Fetch['out'],
  summary: string,
  of: (scope: Scope) => ReturnType<ReturnType<Fetch['make']>>,
): Fetch => plain(out, 'payload', summary, of);

const sni = hello('str', 'server name in a TLS ClientHello', (scope) =>
  optional(helloOf(scope)?.serverName, str),
);
const helloType = hello('sint', 'type of a TLS handshake message, 1 = ClientHello', (scope) =>
  optional(helloOf(scope)?.type, int),
);
const serverHelloType = plain(
  'sint',
  'answer',
  'type of a TLS handshake message of the server, 2 = ServerHello',
  (scope) => optional(serverHello(scope), int),
);
const version = hello('sint', 'version that a TLS ClientHello offers', (scope) =>
  optional(helloOf(scope)?.version, int),
);

/** What a client sends in `mode tcp`: HAProxy 2.6 manual, section 7.3.5. */
export const PAYLOAD_FETCHES: FetchTable = {
  'req.len': length('payload'),
  req_len: length('payload'),
  'req.payload': slice('payload'),
  'req.payload_lv': prefixed('payload'),
  payload: slice('payload'),
  payload_lv: prefixed('payload'),
  'res.len': length('answer'),
  rep_len: length('answer'),
  'res.payload': slice('answer'),
  'res.payload_lv': prefixed('answer'),
  'res.ssl_hello_type': serverHelloType,
  rep_ssl_hello_type: serverHelloType,
  'req.ssl_sni': sni,
  req_ssl_sni: sni,
  'req.ssl_hello_type': helloType,
  req_ssl_hello_type: helloType,
  'req.ssl_ver': version,
  req_ssl_ver: version,
  'req.ssl_alpn': hello('str', 'protocols that a TLS ClientHello offers', (scope) =>
    optional(helloOf(scope)?.alpn, str),
  ),
  'req.rdp_cookie': rdpCookie,
  rdp_cookie: rdpCookie,
  'req.rdp_cookie_cnt': rdpCookieCount,
  rdp_cookie_cnt: rdpCookieCount,
  wait_end: plain('bool', 'internal', 'true once the inspection delay is over', (scope) =>
    scope.final ? bool(true) : wanting(scope),
  ),
};
