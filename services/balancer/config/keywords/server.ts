import type { CheckTlsConfig, ServerConfig } from '../../model.ts';
import { parseAddress } from '../address.ts';
import type { ProxyDraft, ServerSettings } from '../draft.ts';
import { FOREIGN_SERVER } from '../foreign.ts';
import { isHostName } from '../host-names.ts';
import { type Context, lookUp, suggestion } from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { parseLocalAddress } from '../local-address.ts';
import { forbiddenCharacter } from '../names.ts';
import { resolveServer } from '../server-address.ts';
import { newServerTls, proxyTls } from '../tls/settings.ts';
import { toHealth } from './server-check-parameters.ts';
import { SERVER_PARAMETERS, type ServerLine } from './server-parameters.ts';
import { newResolution } from './server-resolution.ts';

/** `server <name> <address>:<port> [parameters]`. */
export function parseServer(draft: ProxyDraft, statement: Statement, context: Context): void {
  const name = statement.word(1);
  if (name === '' || statement.word(2) === '') {
    const message = "'server' expects <name> and <addr>[:<port>] as arguments.";
    context.problems.alert(statement.position, message);
    return;
  }
  if (isServerName(name, statement, context)) addServer(draft, name, 2, statement, context);
}

/** `server-template <prefix> <number | range> <address>:<port> [parameters]`. */
export function parseServerTemplate(
  draft: ProxyDraft,
  statement: Statement,
  context: Context,
): void {
  const [prefix, range, address] = [1, 2, 3].map((index) => statement.word(index));
  if (!prefix || !range || !address) {
    const message = "'server-template' expects <prefix> <nb | range> <addr>[:<port>] as arguments.";
    context.problems.alert(statement.position, message);
    return;
  }
  if (!isServerName(prefix, statement, context)) return;
  const [, low, high] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range) ?? [];
  const [first, last] = high === undefined ? [1, Number(low)] : [Number(low), Number(high)];
  if (
    low === undefined ||
    last < first ||
    first < 0 ||
    last === 0 ||
    last - first >= MAX_TEMPLATE
  ) {
    const message = `Wrong server-template number or range arg '${range}'.`;
    context.problems.alert(statement.at(2), message);
    return;
  }
  for (let number = first; number <= last; number++) {
    if (!addServer(draft, `${prefix}${number}`, 3, statement, context, number === first)) return;
  }
}

/** Most servers of one template. */
const MAX_TEMPLATE = 10_000;

/** `host:+N` and `host:-N`: the client's port, moved by N; `host:0` is that port itself. */
const PORT_OFFSET = /^(.*):([+-]\d{1,5}|0)$/;

function isServerName(name: string, statement: Statement, { problems }: Context): boolean {
  const bad = forbiddenCharacter(name);
  if (bad === undefined) return true;
  const message = `character '${bad}' is not permitted in server name '${name}'.`;
  problems.alert(statement.at(1), message);
  return false;
}

/**
 * One server, whose address is the word at `index`; false where something is wrong. Of a
 * template's servers the `first` one has the number that the line names.
 */
function addServer(
  draft: ProxyDraft,
  name: string,
  index: number,
  statement: Statement,
  context: Context,
  first = true,
): boolean {
  const { problems } = context;
  const written = statement.word(index);
  const subject = `'server ${draft.name}/${name}'`;
  const fail = (message: string): boolean => {
    problems.alert(statement.at(index), `${subject} : ${message}`);
    return false;
  };

  const local = parseLocalAddress(written, context.environment);
  if (local?.kind === 'invalid') return fail(local.error);
  if (local?.kind === 'descriptor') {
    return fail(`a file descriptor is not acceptable here in '${written}'`);
  }
  const [, place = written, offset] = PORT_OFFSET.exec(written) ?? [];
  const parsed = local
    ? { address: { host: local.host, family: 0 as const, ports: { first: 0, last: 0 } } }
    : parseAddress(place, context.environment);
  if (parsed.error !== undefined) return fail(parsed.error);
  const { host, family, ports } = parsed.address;
  // SRV records bring the port.
  const takesPort = ports === undefined && !host.startsWith('_');
  const takesHost = host === '' || host === '0.0.0.0' || host === '::';
  if (ports && ports.first !== ports.last)
    return fail(`port range not permitted here in '${written}'`);

  const line: ServerLine = {
    settings: { ...draft.settings.server },
    id: undefined,
  };
  if (!parseParameters(line, statement, index + 1, subject, context)) return false;
  if (!first) line.id = undefined;
  const { agent } = line.settings;
  if (agent.enabled && agent.port === undefined) {
    return fail(`server ${name} does not have agent port. Agent check has been disabled.`);
  }
  const port = ports?.first ?? Number(offset ?? 0);
  const server = toConfig(name, host === '' ? '0.0.0.0' : host, port, line, statement);
  if (takesPort || takesHost) server.takesOver = { host: takesHost, port: takesPort };
  draft.servers.push(server);
  const { tls, checkTls } = line.settings;
  if (tls?.refused) server.tlsRefused = true;
  if (tls || checkTls.enabled) {
    const settings = tls ?? newServerTls();
    proxyTls(draft).servers.push({ settings, server, position: statement.position, subject });
  }
  if (isHostName(host)) {
    resolveServer(server, line.settings.resolution ?? newResolution(), context, {
      family,
      position: statement.at(index),
      subject,
      proxy: draft.name,
    });
  }
  const { check } = server;
  if (check?.addr !== undefined && isHostName(check.addr)) {
    context.hostNames.add({
      name: check.addr,
      family: 0,
      position: statement.position,
      subject,
      apply: (address) => {
        check.addr = address;
      },
    });
  }
  return true;
}

/** `default-server [parameters]`: for the servers below it in the section. */
export function parseDefaultServer(
  draft: ProxyDraft,
  statement: Statement,
  context: Context,
): void {
  const line: ServerLine = {
    settings: { ...draft.settings.server },
    id: undefined,
  };
  if (parseParameters(line, statement, 1, "'default-server'", context)) {
    draft.settings.server = line.settings;
  }
}

function parseParameters(
  line: ServerLine,
  statement: Statement,
  from: number,
  subject: string,
  context: Context,
): boolean {
  const { problems } = context;
  for (let index = from; index < statement.length; index++) {
    const name = statement.word(index);
    const row = lookUp(SERVER_PARAMETERS, name);
    if (!row || (!row.inherited && from === 1)) {
      const message = row
        ? `'${name}' is not allowed here.`
        : FOREIGN_SERVER.includes(name)
          ? `unsupported keyword '${name}': HAProxy has it, this balancer does not.`
          : `unknown keyword '${name}'${suggestion(name, Object.keys(SERVER_PARAMETERS))}`;
      problems.alert(statement.at(index), `${subject} : ${message}`);
      return false;
    }
    const value = row.arguments === 0 ? '' : statement.word(index + 1);
    const error = row.set(line, value, context);
    index += row.arguments;
    if (error !== undefined) {
      problems.alert(statement.at(index), `${subject} : ${error}`);
      return false;
    }
  }
  return true;
}

function toConfig(
  name: string,
  host: string,
  port: number,
  { settings, id }: ServerLine,
  statement: Statement,
): ServerConfig {
  return {
    name,
    host,
    port,
    // Numbered with its neighbours once all are known.
    id: id ?? 0,
    weight: settings.weight,
    ...toLimits(settings),
    maxqueue: settings.maxqueue,
    slowstart: settings.slowstart,
    backup: settings.backup,
    disabled: settings.disabled,
    check: settings.checked ? toCheck(settings) : undefined,
    rise: settings.rise,
    sendProxy: settings.sendProxy,
    proxyFields: settings.proxyFields,
    socks4: settings.socks4 && { ...settings.socks4, checked: settings.checkViaSocks4 === true },
    source: settings.source,
    cookie: settings.cookie,
    health: toHealth(settings),
    pool: settings.pool,
    maxReuse: settings.maxReuse,
    nonStick: settings.nonStick,
    redirection: settings.redirection,
    position: statement.position,
  };
}

/** HAProxy's reading: `minconn` alone, or one that is not below `maxconn`, is the limit itself. */
function toLimits({ maxconn, minconn }: ServerSettings): Pick<ServerConfig, 'maxconn' | 'minconn'> {
  if (minconn === undefined) return { maxconn, minconn };
  return minconn < (maxconn ?? 0) ? { maxconn, minconn } : { maxconn: minconn, minconn: undefined };
}

function toCheckTls({ checkTls }: ServerSettings): CheckTlsConfig {
  const { servername, alpn } = checkTls;
  return { line: undefined, servername, alpn };
}

function toCheck(settings: ServerSettings): NonNullable<ServerConfig['check']> {
  const { inter, checkAddress, sendProxy } = settings;
  const checkPort = settings.checkPort ?? settings.checkAddressPort;
  // HAProxy sends the header on checks to the server's own address, without being asked.
  const same = checkAddress === undefined && checkPort === undefined;
  return {
    inter,
    fastinter: settings.fastinter ?? inter,
    downinter: settings.downinter ?? inter,
    rise: settings.rise,
    fall: settings.fall,
    addr: checkAddress,
    port: checkPort,
    sendProxy: settings.checkSendProxy || (same && sendProxy !== undefined),
    tls: settings.checkTls.enabled ? toCheckTls(settings) : undefined,
  };
}
