import { existsSync } from 'node:fs';
import { describeError } from '#core/errors.ts';
import { compileExpression, ExpressionError } from '../../samples/compile.ts';
import { CertificateError, loadCertificate } from '../../tls/certificate.ts';
import { type CertificateEntry, loadEntries, resolveIn } from '../../tls/certificate-files.ts';
import { choiceFor } from '../../tls/choice.ts';
import type { BindTls, ServerTls, TlsProtocol, TrustFile, TrustFiles } from '../../tls/config.ts';
import { clientContext, serverContext } from '../../tls/context.ts';
import { readCrtList } from '../../tls/crt-list.ts';
import { loadTrust } from '../../tls/trust.ts';
import { judgedBy } from '../../tls/trust-store.ts';
import type { ConfigDraft, ProxyDraft } from '../draft.ts';
import type { Environment } from '../lexer.ts';
import type { Problems } from '../problem.ts';
import { lineSettings } from './crt-list.ts';
import {
  type BindTlsSettings,
  type GlobalTls,
  globalTls,
  type ProtocolSettings,
  type ProxyTls,
  versionsOf,
} from './settings.ts';

/** What stops a line; the text is HAProxy's. */
class LineError extends Error {}

/** Reads the certificates that the lines name and puts what came of it where the planes look. */
export function finishTls(draft: ConfigDraft, problems: Problems, environment: Environment): void {
  const global = globalTls(draft.global);
  for (const proxy of draft.proxies) {
    if (!proxy.tls || proxy.settings.disabled) continue;
    for (const line of proxy.tls.binds) finishBind(line, proxy, global, problems);
    for (const line of proxy.tls.servers) finishServer(line, proxy, global, problems, environment);
  }
}

function finishBind(
  { settings, binds, position, subject }: ProxyTls['binds'][number],
  proxy: ProxyDraft,
  global: GlobalTls,
  problems: Problems,
): void {
  const address = /^'bind (.*)' in section/.exec(subject)?.[1] ?? '';
  const where = `for bind '${address}'`;
  const about = { where, owner: `Proxy '${proxy.name}'` };
  try {
    const tell = (): void =>
      problems.notice(
        position,
        `${subject} : 'alpn' : h2 is not spoken here, clients are offered the other protocols.`,
      );
    const demandsOf = (own: BindTlsSettings): BindTls => demands(own, global, about, tell);
    const entries = loadCertificates(settings, global, demandsOf);
    if (!settings.enabled) {
      trustFilesOf(settings, global);
      return;
    }
    const strictSni = settings.strictSni ?? global.bind.strictSni ?? false;
    if (entries.length === 0) {
      const message = `Proxy '${proxy.name}': no SSL certificate specified ${where}`;
      if (!strictSni) throw new LineError(`${message} (use 'crt').`);
      problems.warn(position, `${message}, ssl connections will fail (use 'crt').`);
    }
    const tls: BindTls = { ...demandsOf(settings), entries };
    tryAll(tls, about);
    for (const own of entries.flatMap((entry) => entry.demands ?? [])) tryAll(own, about);
    prepare(tls, where);
    tellOfExtras(entries, (text) => problems.warn(position, `${subject} : ${text}`));
    for (const bind of binds) bind.tls = tls;
  } catch (error) {
    if (error instanceof CertificateError)
      problems.alert(position, `${subject} : ${error.message}`);
    else if (error instanceof LineError) problems.alert(position, error.message);
    else throw error;
  }
}

/** Whom messages are about: `for bind '…'`, and its proxy. */
interface About {
  readonly where: string;
  readonly owner: string;
}

/** What a `bind` line, or a line of a list, asks of clients; it has no certificates yet. */
function demands(
  settings: BindTlsSettings,
  global: GlobalTls,
  { where, owner }: About,
  tell: () => void,
): BindTls {
  const judged = judgedBy(trustFilesOf(settings, global));
  const verify = settings.verify ?? global.bind.verify ?? 'none';
  if (settings.enabled && verify !== 'none' && settings.caFile === undefined) {
    throw new LineError(`${owner}: verify is enabled but no CA file specified ${where}.`);
  }
  return {
    protocol: protocolOf(settings, global.bind, `${where}.`, `${owner}: `),
    entries: [],
    strictSni: settings.strictSni ?? global.bind.strictSni ?? false,
    alpn: speakable(settings.alpn, tell),
    preferClientCiphers: settings.preferClientCiphers ?? global.bind.preferClientCiphers ?? false,
    verify,
    ...judged,
    ignoredErrors: settings.ignoredErrors === 'all' ? 'all' : new Set(settings.ignoredErrors ?? []),
    sessionLifetime: global.lifetime,
    sessionCache: global.cacheSize,
  };
}

const tryAll = (tls: BindTls, { where, owner }: About): void =>
  tryProtocol(tls.protocol, `${where}.`, `${owner}: `, (protocol) =>
    serverContext({ ...tls, protocol }, tls.entries[0]?.certificates ?? []),
  );

/** What HAProxy would read beside a certificate, and is of no use here. */
function tellOfExtras(entries: readonly CertificateEntry[], warn: (text: string) => void): void {
  for (const { file } of entries.flatMap(({ certificates }) => certificates)) {
    for (const extra of [`${file}.ocsp`, `${file}.sctl`]) {
      if (existsSync(extra)) warn(`'crt' : '${extra}' is not sent to clients.`);
    }
  }
}

/** So that no certificate fails when a client asks for it. */
function prepare(tls: BindTls, where: string): void {
  try {
    choiceFor(tls).prepare();
  } catch (error) {
    throw new LineError(`unable to set up TLS ${where} (${describeError(error)}).`);
  }
}

function loadCertificates(
  settings: BindTlsSettings,
  { crtBase }: GlobalTls,
  demandsOf: (settings: BindTlsSettings) => BindTls,
): CertificateEntry[] {
  return settings.certificates.flatMap(({ kind, file }) => {
    if (kind === 'crt') return loadEntries(resolveIn(crtBase, file));
    return readCrtList(file).flatMap((line) => {
      const own = line.options.length > 0 ? lineSettings(settings, line, file) : undefined;
      const demanded = own && demandsOf(own);
      return loadEntries(resolveIn(crtBase, line.file)).map((entry) => ({
        ...entry,
        names: line.names,
        except: line.except,
        listed: { list: file, line: line.line, text: line.text },
        ...(demanded && { demands: demanded }),
      }));
    });
  });
}

function finishServer(
  { settings, server, position, subject }: ProxyTls['servers'][number],
  { name, settings: { mode } }: ProxyDraft,
  global: GlobalTls,
  problems: Problems,
  environment: Environment,
): void {
  try {
    const judged = judgedBy(trustFilesOf(settings, global));
    const { check } = server;
    if (!settings.enabled && !settings.switchable && !check?.tls) return;
    const verify = (settings.verify ?? global.serverVerify) === 'required';
    if (verify && settings.caFile === undefined) {
      const hint =
        "If you're running on a LAN where you're certain to trust the server's certificate, please set an explicit 'verify none' statement on the 'server' line, or use 'ssl-server-verify none' in the global section to disable server-side verifications by default.";
      throw new LineError(`verify is enabled by default but no CA file specified. ${hint}`);
    }
    const certificate = settings.certificate;
    const range = ` for server '${server.name}'.`;
    const tls: ServerTls = {
      protocol: protocolOf(settings, global.server, range.trim(), `proxy '${name}': `),
      verify,
      ...judged,
      certificate:
        certificate === undefined
          ? undefined
          : loadCertificate(resolveIn(global.crtBase, certificate)),
      alpn: speakable(settings.alpn, () =>
        problems.notice(
          position,
          `${subject} : 'alpn' : h2 is not spoken here, it is not offered.`,
        ),
      ),
      sni: settings.sni === undefined ? undefined : compileSni(settings.sni, environment),
      verifyHost: settings.verifyHost,
      reuse: settings.reuse,
    };
    const source = tls.sni?.source;
    if (
      mode === 'tcp' &&
      source !== undefined &&
      !['connection', 'internal', 'payload'].includes(source)
    ) {
      throw new LineError(
        `error detected while parsing sni expression : '${settings.sni}' is not known in mode tcp.`,
      );
    }
    tryProtocol(tls.protocol, '', '', (protocol) => clientContext({ ...tls, protocol }));
    if (settings.enabled) server.tls = tls;
    if (settings.enabled || settings.switchable) server.tlsKept = tls;
    if (!check) return;
    // Checks of the server's own address are like the traffic there.
    const same = settings.enabled && check.addr === undefined && check.port === undefined;
    if (check.tls) check.tls.line = tls;
    else if (same) check.tls = { line: tls, servername: undefined, alpn: [] };
  } catch (error) {
    if (!(error instanceof CertificateError || error instanceof LineError)) throw error;
    problems.alert(position, `${subject} : ${error.message}`);
  }
}

function compileSni(text: string, environment: Environment) {
  try {
    return compileExpression(text, { variable: (name) => environment.get(name) });
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw new LineError(`error detected while parsing sni expression : ${error.message}`);
  }
}

/** Reads what the line judges its peers by. */
function trustFilesOf(
  { caFile, crlFile }: Pick<BindTlsSettings, 'caFile' | 'crlFile'>,
  { caBase }: GlobalTls,
): TrustFiles {
  const read = (keyword: string, file: string | undefined): TrustFile | undefined => {
    if (file === undefined) return undefined;
    const path = resolveIn(caBase, file);
    try {
      return { file: path, trust: loadTrust(path) };
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      throw new CertificateError(`'${keyword}' : unable to load ${path}: ${error.message}`);
    }
  };
  return { ca: read('ca-file', caFile), crl: read('crl-file', crlFile) };
}

function protocolOf(
  own: ProtocolSettings,
  global: ProtocolSettings,
  where: string,
  subject: string,
): TlsProtocol {
  const range = versionsOf(own, global);
  if (!range) throw new LineError(`${subject}all SSL/TLS versions are disabled ${where}`);
  return {
    minVersion: range.min,
    maxVersion: range.max,
    ciphers: own.ciphers ?? global.ciphers,
    ciphersuites: own.ciphersuites ?? global.ciphersuites,
    curves: own.curves ?? global.curves,
    tickets: own.tickets ?? global.tickets ?? true,
  };
}

/** Lets OpenSSL judge the lists, one by one so that the message names the wrong one. */
function tryProtocol(
  protocol: TlsProtocol,
  where: string,
  subject: string,
  build: (protocol: TlsProtocol) => unknown,
): void {
  const { ciphers, ciphersuites, curves } = protocol;
  const none = { ...protocol, ciphers: undefined, ciphersuites: undefined, curves: undefined };
  const attempt = (change: Partial<TlsProtocol>, what: string): void => {
    try {
      build({ ...none, ...change });
    } catch (error) {
      const reason = what === '' && error instanceof Error ? ` (${error.message})` : '';
      throw new LineError(`${subject}unable to set ${what || 'up TLS'}${reason} ${where}`.trim());
    }
  };
  attempt({}, '');
  if (ciphers !== undefined) attempt({ ciphers }, `SSL cipher list to '${ciphers}'`);
  if (ciphersuites !== undefined)
    attempt({ ciphersuites }, `TLS 1.3 cipher suites to '${ciphersuites}'`);
  if (curves !== undefined) attempt({ curves }, `SSL curves list to '${curves}'`);
}

/** A list without HTTP/2, which is told once; undefined where nothing is left to offer. */
function speakable(
  names: readonly string[] | undefined,
  tell: () => void,
): readonly string[] | undefined {
  if (!names?.includes('h2')) return names && names.length > 0 ? names : undefined;
  tell();
  const left = names.filter((name) => name !== 'h2');
  return left.length > 0 ? left : undefined;
}
