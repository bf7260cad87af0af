import type { BalancerConfig, ProxyConfig } from '../model.ts';
import { buildCheck } from './build-check.ts';
import { type ConfigDraft, hasBackend, hasFrontend, type ProxyDraft } from './draft.ts';
import { dispatchOf } from './keywords/dispatch.ts';

/** What the command line sets in place of the files. */
export interface Overrides {
  /** `-n`: stands in for `maxconn` of the global section. */
  maxconn?: number | undefined;
  /** `-N`: for proxies without `maxconn` of their own. */
  proxyMaxconn?: number | undefined;
  /** `-p`. */
  pidfile?: string | undefined;
  /** `-D`; false for `-db`. */
  daemon?: boolean | undefined;
  /** Connections that the process can hold, where nothing sets `maxconn`. */
  defaultMaxconn: number;
  /** Program name in log lines, where nothing sets `log-tag`. */
  logTag: string;
}

/** The planes' view of a draft that has been numbered and validated. */
export function build(draft: ConfigDraft, overrides: Overrides): BalancerConfig {
  const { global } = draft;
  const maxconn = overrides.maxconn ?? global.maxconn ?? overrides.defaultMaxconn;
  const logTag = global.logTag ?? overrides.logTag;
  const proxies = draft.proxies.map((proxy) =>
    buildProxy(proxy, draft, overrides.proxyMaxconn ?? maxconn, logTag),
  );
  for (const proxy of proxies) proxy.fullconn ??= defaultFullconn(proxy, proxies);
  return {
    global: {
      maxconn,
      log: global.log,
      logTag,
      logSendHostname: global.sendHostname,
      pidfile: overrides.pidfile ?? global.pidfile,
      daemon: overrides.daemon ?? global.daemon,
      node: global.node,
      description: global.description,
      runtime: global.runtime,
      process: global.process,
      maxconnGiven: overrides.maxconn ?? global.maxconn,
      threads: global.threads,
      rates: global.rates,
      checkPace: { spread: global.checks.spread, maxSpread: global.checks.maxSpread },
    },
    proxies,
  };
}

/** A tenth of what the frontends that may go there take: manual, `fullconn`. */
function defaultFullconn(backend: ProxyConfig, proxies: readonly ProxyConfig[]): number {
  let sum = 0;
  for (const { disabled, defaultBackend, maxconn } of proxies) {
    if (!disabled && defaultBackend === backend.name) sum += maxconn;
  }
  return Math.ceil(sum / 10);
}

function buildProxy(
  draft: ProxyDraft,
  { global }: ConfigDraft,
  defaultMaxconn: number,
  logTag: string,
): ProxyConfig {
  const {
    section,
    name,
    id,
    position,
    settings,
    binds,
    servers,
    savedServers,
    finished,
    stickTable,
    statsAdmin,
  } = draft;
  if (section === 'defaults') throw new TypeError('a defaults section is no proxy');
  const clientSide = hasFrontend(section);
  const serverSide = hasBackend(section);
  const { stats } = settings;
  return {
    name,
    kind: section,
    mode: settings.mode,
    id: id ?? 0,
    disabled: settings.disabled,
    position,
    binds: binds.map((one) => ({ ...one, backlog: one.backlog ?? settings.backlog })),
    defaultBackend: clientSide
      ? (settings.defaultBackend?.name ?? (section === 'listen' ? name : undefined))
      : undefined,
    maxconn: settings.maxconn ?? defaultMaxconn,
    servers: serverSide
      ? servers.map((one) => ({ ...one, source: one.source ?? settings.source }))
      : [],
    dispatch: serverSide ? dispatchOf(draft) : undefined,
    balance: settings.balance,
    hash: settings.hash,
    allBackups: settings.allBackups,
    persist: settings.persist,
    retryOn: settings.retryOn,
    persistRdpCookie: settings.persistRdpCookie,
    dynamicCookieKey: settings.dynamicCookieKey,
    retries: settings.retries,
    redispatch: settings.redispatch,
    fullconn: settings.fullconn,
    timeouts: settings.timeouts,
    options: settings.options,
    cookie: serverSide && settings.mode === 'http' ? settings.cookie : undefined,
    checkMethod: buildCheck(settings.check),
    savedServers,
    log: settings.log.flatMap((target) => (target === 'global' ? global.log : [target])),
    logTag: settings.logTag ?? logTag,
    stats: stats && {
      uri: stats.uri,
      users: stats.users,
      realm: stats.realm,
      refresh: stats.refresh,
      hideVersion: stats.hideVersion,
      legends: stats.legends ?? false,
      node: stats.node,
      // Named without a text: that of the global section.
      description: stats.description === '' ? global.description : stats.description,
      scope: stats.scope ?? [],
      admin: statsAdmin,
    },
    errorFiles: settings.errorFiles,
    errorLocations: settings.errorLocations,
    errorReplies: settings.errorReplies,
    stickTable,
    httpReuse: settings.httpReuse,
    sendNameHeader: settings.sendNameHeader,
    rateLimit: settings.rateLimit,
    compression: settings.mode === 'http' ? settings.compression : undefined,
    rules: finished?.rules,
    logFormat: finished?.logFormat,
    logFormatSd: finished?.logFormatSd,
    errorLogFormat: finished?.errorLogFormat,
  };
}
