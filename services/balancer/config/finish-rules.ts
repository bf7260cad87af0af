import { compileLogFormat, type LogFormatter } from '../log/log-format.ts';
import type { ProxyRules } from '../rules/model.ts';
import { ExpressionError } from '../samples/fetch.ts';
import {
  type ConfigDraft,
  describeProxy,
  hasBackend,
  hasFrontend,
  type ProxyDraft,
} from './draft.ts';
import { type Context, suggestion } from './keyword.ts';
import { environmentOf } from './rule-context.ts';
import { buildRules, type FormatText, type Reference } from './rules-draft.ts';

/** A proxy's rules and formats, ready to run. */
export interface FinishedRules {
  rules: ProxyRules | undefined;
  logFormat: LogFormatter | undefined;
  logFormatSd: LogFormatter | undefined;
  errorLogFormat: LogFormatter | undefined;
}

/** Checks what rules name, once all proxies are known, and compiles formats. */
export function finishRules(draft: ConfigDraft, context: Context): void {
  for (const proxy of draft.proxies) {
    if (proxy.settings.disabled) continue;
    for (const reference of proxy.rules.references)
      checkReference(reference, proxy, draft, context);
    checkHttpRules(proxy, context);
    const { settings } = proxy;
    const { uniqueIdFormat, logFormat, logFormatSd, errorLogFormat } = settings.rules;
    const frontend = hasFrontend(proxy.section);
    const compiled = frontend
      ? compile('unique-id-format', uniqueIdFormat, true, context)
      : undefined;
    proxy.finished = {
      rules: buildRules(proxy.rules, settings.rules, compiled),
      logFormat: frontend ? compile('log-format', logFormat, false, context) : undefined,
      logFormatSd: frontend ? compile('log-format-sd', logFormatSd, false, context) : undefined,
      errorLogFormat: frontend
        ? compile('error-log-format', errorLogFormat, false, context)
        : undefined,
    };
  }
  storeServers(draft);
  for (const [name, position] of context.shared.undefinedLists()) {
    context.problems.alert(
      position,
      `unable to find userlist '${name}' referenced in arg 1 of ACL keyword 'http_auth'.`,
    );
  }
}

/** What `stick` leads to servers by remembers them. */
function storeServers({ proxies }: ConfigDraft): void {
  const named = new Set(proxies.flatMap(({ rules }) => rules.sticks.map(({ table }) => table)));
  for (const proxy of proxies) {
    const table = proxy.stickTable;
    if (!table || !named.has(table.name)) continue;
    const missing = (['server_id', 'server_key'] as const)
      .filter((name) => !table.store.some((each) => each.name === name))
      .map((name) => ({ name, period: 0, elements: 1 }));
    proxy.stickTable = { ...table, store: [...table.store, ...missing] };
  }
}

function compile(
  keyword: string,
  format: FormatText | undefined,
  inRule: boolean,
  context: Context,
): LogFormatter | undefined {
  if (!format) return undefined;
  const { text, position } = format;
  try {
    const environment = environmentOf(context, position);
    return compileLogFormat(text, { place: inRule ? 'request' : 'log', environment, inRule });
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const message = error.message.replace(/\.?$/, '.');
    context.problems.alert(position, `failed to parse ${keyword} : ${message}`);
    return undefined;
  }
}

function checkReference(
  { kind, name, position }: Reference,
  proxy: ProxyDraft,
  draft: ConfigDraft,
  { problems, shared }: Context,
): void {
  const backends = draft.proxies.filter((each) => hasBackend(each.section));
  if (kind === 'capture') {
    const [side, slot] = name.split(' ');
    const list = side === 'request' ? proxy.rules.requestCaptures : proxy.rules.responseCaptures;
    // A backend's rules use the slots of whichever frontend the request came in on.
    if (!hasFrontend(proxy.section) || Number(slot) < list.length) return;
    const message = `Proxy '${proxy.name}': unable to find capture id '${slot}' referenced by http-${side} capture rule.`;
    problems.alert(position, message);
  } else if (kind === 'table' || kind === 'stick-table') {
    if (shared.stickTables.has(name)) return;
    const hint = suggestion(name, shared.stickTables.keys());
    const what = kind === 'table' ? 'table' : 'stick-table';
    problems.alert(position, `Proxy '${proxy.name}': unable to find ${what} '${name}'${hint}.`);
  } else if (kind === 'use_backend') {
    checkBackend(name, position, proxy, backends, { problems });
  } else if (kind === 'use-server') {
    if (proxy.servers.some((server) => server.name === name)) return;
    const names = proxy.servers.map((server) => server.name);
    const message = `${proxy.section} '${proxy.name}' : unable to find server '${name}' referenced in a 'use-server' rule${suggestion(name, names)}.`;
    problems.alert(position, message);
  } else if (kind === 'server') {
    const slash = name.indexOf('/');
    const backend = slash < 0 ? proxy : backends.find((each) => each.name === name.slice(0, slash));
    if (backend?.servers.some((server) => server.name === name.slice(slash + 1))) return;
    problems.alert(position, `unable to find server '${name}' in proxy '${proxy.name}'.`);
  } else if (name === '') {
    // The proxy itself is meant.
    const able = kind === 'frontend' ? hasFrontend(proxy.section) : hasBackend(proxy.section);
    if (able) return;
    const message = `proxy '${proxy.name}', referenced in arg 1 of a sample fetch, has not ${kind} capability.`;
    problems.alert(position, message);
  } else {
    const candidates =
      kind === 'backend' ? backends : draft.proxies.filter((each) => hasFrontend(each.section));
    if (candidates.some((each) => each.name === name)) return;
    const names = candidates.map((each) => each.name);
    problems.alert(position, `unable to find ${kind} '${name}'${suggestion(name, names)}.`);
  }
}

function checkBackend(
  name: string,
  position: Reference['position'],
  proxy: ProxyDraft,
  backends: readonly ProxyDraft[],
  { problems }: Pick<Context, 'problems'>,
): void {
  const backend = backends.find((each) => each.name === name);
  if (!backend) {
    const names = backends.map((each) => each.name);
    const message = `Proxy '${proxy.name}': unable to find required use_backend: '${name}'${suggestion(name, names)}.`;
    problems.alert(position, message);
    return;
  }
  const [from, to] = [proxy.settings.mode, backend.settings.mode];
  if (from === to) return;
  const message = `${from} ${describeProxy(proxy)} tries to use incompatible ${to} ${describeProxy(backend)} in a 'use_backend' rule (see 'mode').`;
  problems.alert(position, message);
}

/** Rules on messages mean nothing in `mode tcp`. */
function checkHttpRules(
  { rules, settings, position, ...proxy }: ProxyDraft,
  { problems }: Context,
): void {
  if (settings.mode === 'http') return;
  const lists: [string, unknown[]][] = [
    ["'http-request' rules", rules.request],
    ["'http-response' rules", rules.response],
    ["'http-after-response' rules", rules.afterResponse],
    ["'redirect' rules", rules.redirects],
  ];
  for (const [what, list] of lists) {
    if (list.length === 0) continue;
    list.length = 0;
    const subject = describeProxy({ rules, settings, position, ...proxy });
    problems.warn(position, `${what} ignored for ${subject} as they require HTTP mode.`);
  }
}
