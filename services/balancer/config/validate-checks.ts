import type { ServerConfig } from '../model.ts';
import { type ConfigDraft, hasBackend, type ProxyDraft } from './draft.ts';
import type { Problems } from './problem.ts';

/** What can only be judged of checks once everything is read. HAProxy's wording. */
export function validateChecks(draft: ConfigDraft, problems: Problems): void {
  for (const proxy of draft.proxies) {
    if (proxy.settings.disabled || !hasBackend(proxy.section)) continue;
    checkRules(proxy, problems);
    checkExternal(proxy, draft, problems);
    checkObserved(proxy, problems);
    for (const server of proxy.servers) {
      checkPort(server, proxy, problems);
      checkTracking(server, proxy, draft, problems);
    }
  }
}

function checkRules({ name, position, settings }: ProxyDraft, problems: Problems): void {
  const { method, http, tcp } = settings.check;
  const unused = (kind: string, rules: { inherited: boolean; rules: unknown[] }): void => {
    if (rules.inherited || rules.rules.length === 0) return;
    const option = kind === 'http' ? 'option httpchk' : 'option tcp-check';
    const message = `proxy '${name}' uses ${kind}-check rules without '${option}', so the rules are ignored.`;
    problems.warn(position, message);
  };
  if (method !== 'http') unused('http', http);
  if (method !== 'tcp') unused('tcp', tcp);
}

function checkExternal(proxy: ProxyDraft, { global }: ConfigDraft, problems: Problems): void {
  const { name, position } = proxy;
  const { method, command, path, position: at = position } = proxy.settings.check;
  const option = `Proxy '${name}' : 'option external-check'`;
  if (method !== 'external') {
    for (const [what, value] of Object.entries({ command, path })) {
      if (value === undefined) continue;
      const message = `'external-check ${what}' will be ignored for proxy '${name}' (requires 'option external-check').`;
      problems.warn(position, message);
    }
    return;
  }
  if (!global.checks.external) {
    problems.alert(at, `${option} unable to find required 'global.external-check'.`);
  }
  if (command === undefined) {
    problems.alert(at, `${option} unable to find required 'external-check command'.`);
  }
}

function checkObserved({ name, settings, servers }: ProxyDraft, problems: Problems): void {
  if (settings.mode === 'http') return;
  for (const server of servers) {
    if (server.health?.observe !== 'layer7') continue;
    server.health = { ...server.health, observe: undefined };
    // HAProxy calls it an alert and starts nevertheless.
    const message = `'server ${name}/${server.name}' : 'layer7' can only be used in http proxies.`;
    problems.warn(server.position, message);
  }
}

/** A server with its client's port has none of its own to be asked at. */
function checkPort(
  { name, check, takesOver, position }: ServerConfig,
  proxy: ProxyDraft,
  problems: Problems,
): void {
  if (check === undefined || takesOver?.port !== true || check.port !== undefined) return;
  // Nowhere in particular: HAProxy leaves that to the checks, which fail.
  if (takesOver.host) return;
  const { method, http, tcp } = proxy.settings.check;
  const rules = method === 'http' ? http.rules : method === 'tcp' ? tcp.rules : [];
  const connects = rules.flatMap((rule) => (rule.kind === 'connect' ? [rule] : []));
  if (connects.length > 0 && connects.every(({ port }) => port !== undefined)) return;
  const rule = rules.length > 0 ? " nor tcp_check rule 'connect' with port information" : '';
  const message = `config: proxy '${proxy.name}': server '${name}' has neither service port nor check port${rule}.`;
  problems.alert(position, message);
}

function checkTracking(
  server: ServerConfig,
  proxy: ProxyDraft,
  draft: ConfigDraft,
  problems: Problems,
): void {
  const { track } = server.health ?? {};
  if (!track) return;
  const fail = (message: string): void =>
    problems.alert(server.position, `'server ${proxy.name}/${server.name}' : ${message}`);
  if (server.check) {
    fail('unable to enable checks and tracking at the same time!');
    return;
  }
  const seen = new Set<ServerConfig>([server]);
  let at = proxy;
  let wanted = track;
  for (;;) {
    const name = wanted.proxy ?? at.name;
    const found = draft.proxies.find((one) => one.name === name && hasBackend(one.section));
    if (!found) {
      fail(`unable to find required proxy '${name}' for tracking.`);
      return;
    }
    const target = found.servers.find((one) => one.name === wanted.server);
    if (!target) {
      fail(`unable to find required server '${wanted.server}' for tracking.`);
      return;
    }
    const path = `${found.name}/${target.name}`;
    if (seen.has(target)) {
      const own = `${proxy.name}/${server.name}`;
      fail(`unable to track ${path} as it belongs to a tracking chain looping back to ${own}.`);
      return;
    }
    seen.add(target);
    const next = target.health?.track;
    if (!next) {
      if (target.check || target.health?.agent) return;
      fail(`unable to use ${path} for tracking as it does not have any check nor agent enabled.`);
      return;
    }
    at = found;
    wanted = next;
  }
}
