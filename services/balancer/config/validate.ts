import {
  type ConfigDraft,
  describeProxy,
  hasBackend,
  hasFrontend,
  type ProxyDraft,
} from './draft.ts';
import { CLF_LOG, HTTPS_LOG } from './https-log.ts';
import { suggestion } from './keyword.ts';
import type { Problems } from './problem.ts';

/** What can only be judged once everything is read. HAProxy's order and wording. */
export function validate(draft: ConfigDraft, problems: Problems): void {
  for (const proxy of draft.proxies) {
    // A disabled proxy may be half-written.
    if (proxy.settings.disabled) continue;
    checkBinds(proxy, problems);
    checkDefaultBackend(proxy, draft, problems);
    checkServerNames(proxy, problems);
    checkBalance(proxy, problems);
    checkLogFormat(proxy, problems);
    checkHttpOnly(proxy, problems);
    checkCookies(proxy, problems);
    checkTimeouts(proxy, problems);
  }
}

function checkBinds(proxy: ProxyDraft, problems: Problems): void {
  const { section, name, position, binds } = proxy;
  if (section === 'frontend' && binds.length === 0) {
    const hint = 'Please declare it as a backend if this was intended.';
    problems.warn(position, `frontend '${name}' has no 'bind' directive. ${hint}`);
  }
}

function checkDefaultBackend(proxy: ProxyDraft, draft: ConfigDraft, problems: Problems): void {
  const wanted = proxy.settings.defaultBackend;
  if (!wanted || !hasFrontend(proxy.section)) return;
  const candidates = draft.proxies.filter((other) => hasBackend(other.section));
  const backend = candidates.find((other) => other.name === wanted.name);
  if (!backend) {
    const names = candidates.map((other) => other.name);
    const message = `${describeProxy(proxy)}: unable to find required default_backend: '${wanted.name}'${suggestion(wanted.name, names)}`;
    problems.alert(wanted.position, message);
    return;
  }
  const [from, to] = [proxy.settings.mode, backend.settings.mode];
  if (from !== to) {
    const message = `${from} ${describeProxy(proxy)} tries to use incompatible ${to} ${describeProxy(backend)} as its default backend (see 'mode').`;
    problems.alert(wanted.position, message);
  }
}

function checkServerNames({ section, name, servers }: ProxyDraft, problems: Problems): void {
  const first = new Map<string, number>();
  for (const server of servers) {
    const line = first.get(server.name);
    if (line === undefined) {
      first.set(server.name, server.position.line);
      continue;
    }
    const kind = section === 'listen' ? 'proxy' : section;
    const message = `${kind} '${name}', another server named '${server.name}' was already defined at line ${line}, please use distinct names.`;
    problems.alert(server.position, message);
  }
}

const LAYER_7: ReadonlySet<string> = new Set(['uri', 'url_param', 'hdr']);

function checkBalance(proxy: ProxyDraft, problems: Problems): void {
  const { section, name, position, settings, dispatch } = proxy;
  if (dispatch && settings.balanced) {
    const message = `dispatch address of proxy '${name}' will be ignored in balance mode.`;
    problems.warn(dispatch.position, message);
  }
  if (settings.mode === 'http' || !hasBackend(section)) return;
  if (!LAYER_7.has(settings.balance.name)) return;
  settings.balance = { name: 'roundrobin' };
  const message = `Layer 7 hash not possible for ${describeProxy(proxy)} (needs 'mode http'). Falling back to round robin.`;
  problems.warn(position, message);
}

/** Options that stand for a format, and need HTTP. */
const HTTP_FORMATS: ReadonlyMap<string | undefined, string> = new Map([
  [HTTPS_LOG, 'httpslog'],
  [CLF_LOG, 'httplog'],
]);

function checkLogFormat(proxy: ProxyDraft, problems: Problems): void {
  const { settings } = proxy;
  const { options, rules } = settings;
  const option = options.logFormat ?? HTTP_FORMATS.get(rules.logFormat?.text);
  if (option === undefined && rules.logFormat === undefined) return;
  if (option?.startsWith('http') && settings.mode !== 'http') {
    options.logFormat = 'tcplog';
    rules.logFormat = undefined;
    const message = `'option ${option}' not usable with ${describeProxy(proxy)} (needs 'mode http'). Falling back to 'option tcplog'.`;
    problems.warn(settings.logFormatPosition, message);
  }
  if (hasFrontend(proxy.section) && settings.log.length === 0) {
    const message = `log format ignored for ${describeProxy(proxy)} since it has no log address.`;
    problems.warn(settings.logFormatPosition, message);
  }
}

function checkHttpOnly(proxy: ProxyDraft, problems: Problems): void {
  const { settings, position } = proxy;
  if (settings.mode === 'http') return;
  const ignored = (what: string): void =>
    problems.warn(
      position,
      `${what} ignored for ${describeProxy(proxy)} as it requires HTTP mode.`,
    );
  if (settings.stats) {
    ignored("'stats' statement");
    settings.stats = undefined;
  }
  if (settings.options.forwardFor) {
    ignored("'option forwardfor'");
    settings.options.forwardFor = undefined;
  }
}

function checkCookies(proxy: ProxyDraft, problems: Problems): void {
  const { name, position, settings, servers } = proxy;
  if (settings.mode === 'http') return;
  if (settings.cookie) {
    const message = `cookie will be ignored for ${describeProxy(proxy)} (needs 'mode http').`;
    problems.warn(position, message);
  }
  for (const server of servers) {
    if (server.cookie === undefined) continue;
    const message = `proxy '${name}' : ignoring cookie for server '${server.name}' as HTTP mode is disabled.`;
    problems.warn(server.position, message);
  }
}

function checkTimeouts(proxy: ProxyDraft, problems: Problems): void {
  const { section, settings, servers } = proxy;
  const { client, connect, server, tunnel } = settings.timeouts;
  const clientSide = hasFrontend(section) && client === undefined;
  const serverSide =
    hasBackend(section) &&
    servers.length > 0 &&
    (connect === undefined ||
      (server === undefined && (settings.mode === 'http' || tunnel === undefined)));
  if (!clientSide && !serverSide) return;
  problems.warn(proxy.position, `missing timeouts for ${describeProxy(proxy)}.`, [
    'While not properly invalid, you will certainly encounter various problems',
    'with such a configuration. To fix this, please ensure that all following',
    "timeouts are set to a non-zero value: 'client', 'connect', 'server'.",
  ]);
}
