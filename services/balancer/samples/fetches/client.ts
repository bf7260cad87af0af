import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type Evaluate, type Fetch, type FetchTable, plain } from '../fetch.ts';
import { parseIp } from '../ip.ts';
import { address, bin, bool, int, optional, str, textOf } from '../sample.ts';
import type { Scope, TlsFacts } from '../scope.ts';

const ip =
  (of: (scope: Scope) => string | undefined): Evaluate =>
  (scope) => {
    const text = of(scope);
    const bytes = text === undefined ? undefined : parseIp(text);
    return bytes && address(bytes);
  };
const source = ip(({ client }) => client.host);
const target = ip(({ client }) => client.localHost);

const tls = <T>(
  out: Fetch['out'],
  summary: string,
  of: (facts: TlsFacts) => T | undefined,
  make: (value: T) => ReturnType<Evaluate>,
): Fetch =>
  plain(out, 'connection', summary, (scope) => {
    const value = scope.tls && of(scope.tls);
    return value === undefined ? undefined : make(value);
  });

function isLocal(host: string): boolean {
  if (isIP(host) === 0) return false;
  if (host.startsWith('127.') || host === '::1') return true;
  return Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === host));
}

/** As it was accepted, whatever `http-request set-src` and its like say since. */
const acceptedAs = ({ client }: Scope) => client.accepted ?? client;

/** The connection: HAProxy 2.6 manual, sections 7.3.3 and 7.3.4. */
export const CLIENT_FETCHES: FetchTable = {
  src: plain('addr', 'connection', "the client's address", source),
  src_port: plain('sint', 'connection', "the client's port", ({ client }) => int(client.port)),
  src_is_local: plain('bool', 'connection', 'whether the client is this machine', ({ client }) =>
    bool(isLocal(client.host)),
  ),
  dst: plain('addr', 'connection', 'the address that the client connected to', target),
  dst_port: plain('sint', 'connection', 'the port that the client connected to', ({ client }) =>
    int(client.localPort),
  ),
  dst_is_local: plain('bool', 'connection', 'whether `dst` is this machine', ({ client }) =>
    bool(isLocal(client.localHost)),
  ),
  so_name: plain('str', 'connection', 'name of the bind line', ({ client }) =>
    optional(client.bind?.name, str),
  ),
  fc_src: plain(
    'addr',
    'connection',
    '`src`, as it was accepted',
    ip((scope) => acceptedAs(scope).host),
  ),
  fc_src_port: plain('sint', 'connection', '`src_port`, as it was accepted', (scope) =>
    int(acceptedAs(scope).port),
  ),
  fc_src_is_local: plain('bool', 'connection', '`src_is_local`, as it was accepted', (scope) =>
    bool(isLocal(acceptedAs(scope).host)),
  ),
  fc_dst: plain(
    'addr',
    'connection',
    '`dst`, as it was accepted',
    ip((scope) => acceptedAs(scope).localHost),
  ),
  fc_dst_port: plain('sint', 'connection', '`dst_port`, as it was accepted', (scope) =>
    int(acceptedAs(scope).localPort),
  ),
  fc_dst_is_local: plain('bool', 'connection', '`dst_is_local`, as it was accepted', (scope) =>
    bool(isLocal(acceptedAs(scope).localHost)),
  ),
  so_id: plain('sint', 'connection', 'number of the listener', ({ client }) =>
    optional(client.bind?.id, int),
  ),
  fc_pp_authority: plain(
    'str',
    'connection',
    "host that the PROXY header's sender was asked for",
    ({ client }) => optional(client.told?.authority, str),
  ),
  fc_pp_unique_id: plain(
    'str',
    'connection',
    "connection's number in the PROXY header",
    ({ client }) => optional(client.told?.uniqueId, str),
  ),
  dst_conn: plain('sint', 'connection', 'connections on the listener', ({ frontend }) =>
    int(frontend.counters.present),
  ),
  fc_http_major: plain('sint', 'connection', "major version of the client's HTTP", () => int(1)),
  fe_id: plain('sint', 'connection', "the frontend's number", ({ frontend }) =>
    int(frontend.config.id),
  ),
  fe_name: plain('str', 'connection', "the frontend's name", ({ frontend }) =>
    str(frontend.config.name),
  ),
  fe_defbe: plain('str', 'connection', "the frontend's default backend", ({ frontend }) =>
    optional(frontend.config.defaultBackend, str),
  ),
  fe_client_timeout: plain('sint', 'connection', 'timeout client, milliseconds', ({ frontend }) =>
    int(frontend.config.timeouts.client ?? 0),
  ),
  be_id: plain('sint', 'backend', "the backend's number", ({ backend, frontend }) =>
    int((backend ?? frontend).config.id),
  ),
  be_name: plain('str', 'backend', "the backend's name", ({ backend, frontend }) =>
    str((backend ?? frontend).config.name),
  ),
  be_server_timeout: plain(
    'sint',
    'internal',
    'timeout server, milliseconds',
    ({ backend }) => backend && int(backend.config.timeouts.server ?? 0),
  ),
  be_tunnel_timeout: plain(
    'sint',
    'internal',
    'timeout tunnel, milliseconds',
    ({ backend }) => backend && int(backend.config.timeouts.tunnel ?? 0),
  ),
  srv_id: plain('sint', 'server', "the server's number", ({ server }) =>
    optional(server?.config.id, int),
  ),
  srv_name: plain('str', 'server', "the server's name", ({ server }) =>
    optional(server?.config.name, str),
  ),
  bc_src: plain(
    'addr',
    'server',
    'our address towards the server',
    ip(({ serverEnds }) => serverEnds?.localAddress),
  ),
  bc_src_port: plain('sint', 'server', 'our port towards the server', ({ serverEnds }) =>
    optional(serverEnds?.localPort, int),
  ),
  bc_dst: plain(
    'addr',
    'server',
    "the server's address",
    ip(({ serverEnds }) => serverEnds?.remoteAddress),
  ),
  bc_dst_port: plain('sint', 'server', "the server's port", ({ serverEnds }) =>
    optional(serverEnds?.remotePort, int),
  ),
  bc_http_major: plain('sint', 'server', "major version of the server's HTTP", () => int(1)),
  ssl_fc: plain('bool', 'connection', 'whether the client uses TLS', ({ tls }) =>
    bool(tls !== undefined),
  ),
  ssl_fc_protocol: tls('str', 'version of TLS', (facts) => facts.protocol, str),
  ssl_fc_cipher: tls('str', 'cipher', (facts) => facts.cipher, str),
  ssl_fc_sni: tls('str', 'server name that the client asked for', (facts) => facts.sni, str),
  ssl_fc_has_sni: plain('bool', 'connection', 'whether the client named a server', ({ tls }) =>
    bool(tls?.sni !== undefined),
  ),
  ssl_fc_alpn: tls('str', 'protocol agreed on', (facts) => facts.alpn, str),
  ssl_fc_is_resumed: plain('bool', 'connection', 'whether the TLS session was resumed', ({ tls }) =>
    bool(tls?.resumed === true),
  ),
  ssl_fc_alg_keysize: tls('sint', "bits of the cipher's key", (facts) => facts.keySize, int),
  ssl_fc_use_keysize: tls('sint', "bits of the cipher's key", (facts) => facts.keySize, int),
  ssl_fc_session_id: tls(
    'bin',
    'TLS session id',
    (facts) => facts.sessionId,
    (id) => bin(textOf(id)),
  ),
  ssl_fc_has_crt: plain('bool', 'connection', 'whether the client sent a certificate', ({ tls }) =>
    bool(tls?.peerCertificate !== undefined),
  ),
  ssl_c_used: plain('bool', 'connection', 'whether the client has a certificate', ({ tls }) =>
    bool(tls?.peerCertificate !== undefined),
  ),
  ssl_c_verify: tls(
    'sint',
    "OpenSSL's result for the client's certificate",
    (facts) => facts.verifyResult,
    int,
  ),
};
