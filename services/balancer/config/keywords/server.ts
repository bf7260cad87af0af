import type { ServerConfig } from '../../model.ts';
import { parseAddress } from '../address.ts';
import type { ProxyDraft, ServerSettings } from '../draft.ts';
import { FOREIGN_SERVER } from '../foreign.ts';
import { isHostName } from '../host-names.ts';
import { type Context, lookUp, suggestion } from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { forbiddenCharacter } from '../names.ts';
import { proxyTls } from '../tls/settings.ts';
import { SERVER_PARAMETERS, type ServerLine } from './server-parameters.ts';

/** `server <name> <address>:<port> [parameters]`. */
export function parseServer(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { problems } = context;
  const name = statement.word(1);
  const written = statement.word(2);
  if (name === '' || written === '') {
    const message = "'server' expects <name> and <addr>[:<port>] as arguments.";
    problems.alert(statement.position, message);
    return;
  }
  const bad = forbiddenCharacter(name);
  if (bad !== undefined) {
    const message = `character '${bad}' is not permitted in server name '${name}'.`;
    problems.alert(statement.at(1), message);
    return;
  }
  const subject = `'server ${draft.name}/${name}'`;
  const fail = (message: string): void =>
    problems.alert(statement.at(2), `${subject} : ${message}`);

  const parsed = parseAddress(written, context.environment);
  if (parsed.error !== undefined) {
    fail(parsed.error);
    return;
  }
  const { host, family, ports } = parsed.address;
  if (host === '') {
    fail(`invalid address: no host in '${written}'`);
    return;
  }
  if (ports === undefined) {
    fail(`missing port in '${written}'; taking over the client's port is not supported`);
    return;
  }
  if (ports.first !== ports.last) {
    fail(`port range not permitted here in '${written}'`);
    return;
  }

  const line: ServerLine = {
    settings: { ...draft.settings.server },
    id: undefined,
  };
  if (!parseParameters(line, statement, 3, subject, context)) return;
  const server = toConfig(name, host, ports.first, line, statement);
  draft.servers.push(server);
  if (isHostName(host)) {
  const { tls } = line.settings;
  if (tls)
    proxyTls(draft).servers.push({ settings: tls, server, position: statement.position, subject });
    context.hostNames.add({
      name: host,
      family,
      position: statement.at(2),
      subject,
      apply: (address) => {
        server.host = address;
      },
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
    sendProxy: settings.sendProxy,
    cookie: settings.cookie,
    position: statement.position,
  };
}

/** HAProxy's reading: `minconn` alone, or one that is not below `maxconn`, is the limit itself. */
function toLimits({ maxconn, minconn }: ServerSettings): Pick<ServerConfig, 'maxconn' | 'minconn'> {
  if (minconn === undefined) return { maxconn, minconn };
  return minconn < (maxconn ?? 0) ? { maxconn, minconn } : { maxconn: minconn, minconn: undefined };
}

function toCheck(settings: ServerSettings): NonNullable<ServerConfig['check']> {
  const { inter, checkAddress, checkPort, sendProxy } = settings;
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
    tls: undefined,
  };
}
