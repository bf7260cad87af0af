import { fstatSync } from 'node:fs';
import { accountNumber } from '../../listeners/accounts.ts';
import type { BindConfig } from '../../model.ts';
import { parseAddress } from '../address.ts';
import type { ProxyDraft } from '../draft.ts';
import { FOREIGN_BIND } from '../foreign.ts';
import { isHostName } from '../host-names.ts';
import {
  type Context,
  type KeywordInfo,
  type KeywordTable,
  lookUp,
  MAX_COUNT,
  parseInteger,
  suggestion,
} from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { parseLocalAddress } from '../local-address.ts';
import { threadSet } from '../thread-set.ts';
import { type BindTlsSettings, newBindTls, proxyTls } from '../tls/settings.ts';
import { BIND_TLS } from './bind-tls.ts';

/** What applies to every address of one `bind` line. */
type Settings =
  | 'threads'
  | 'id'
  | 'name'
  | 'acceptProxy'
  | 'maxconn'
  | 'backlog'
  | 'ipv6Only'
  | 'owner';
interface BindSettings extends Pick<BindConfig, Settings> {
  readonly tls: BindTlsSettings;
}

interface BindKeyword extends KeywordInfo {
  /** Words after the name. */
  arguments: 0 | 1;
  /** Said where it is used. */
  notice?: string;
  /** Returns what is wrong with `value`, if anything. */
  set(bind: BindSettings, value: string): string | undefined;
}

/** An option of the kernel's or of HAProxy's threads that has no counterpart here. */
const without = (count: 0 | 1, usage: string, why: string): BindKeyword => ({
  usage,
  summary: `accepted with a notice: ${why}`,
  arguments: count,
  notice: why,
  set: () => undefined,
});

const owner = (key: 'uid' | 'gid', file?: '/etc/passwd' | '/etc/group'): BindKeyword => ({
  usage: file ? '<name>' : '<number>',
  summary: `${key === 'uid' ? 'owner' : 'group'} of a unix socket's file`,
  arguments: 1,
  set: (bind, value) => {
    if (value === '') return 'missing value';
    const number = file ? accountNumber(file, value) : Number.parseInt(value, 10) || 0;
    if (number === undefined) {
      return `unknown ${key === 'uid' ? 'user' : 'group'} name '${value}'`;
    }
    bind.owner = { ...bind.owner, [key]: number };
    return undefined;
  },
});

const TLS: Record<string, BindKeyword> = Object.fromEntries(
  Object.entries(BIND_TLS).map(([name, row]) => [
    name,
    { ...row, set: ({ tls }: BindSettings, value: string) => row.set(tls, value) },
  ]),
);

/** Parameters of `bind`: HAProxy 2.6 manual, section 5.1. */
export const BIND_PARAMETERS: KeywordTable<BindKeyword> = {
  ...TLS,
  backlog: {
    usage: '<number>',
    summary: 'connections that the kernel holds before they are accepted',
    arguments: 1,
    set: (bind, value) => {
      const backlog = parseInteger(value);
      if (backlog === undefined || backlog < 0) return `invalid value ${value}`;
      bind.backlog = backlog === 0 ? undefined : Math.min(backlog, MAX_COUNT);
      return undefined;
    },
  },
  'defer-accept': without(0, '', 'connections are accepted when they stand'),
  gid: owner('gid'),
  group: owner('gid', '/etc/group'),
  mode: {
    usage: '<octal>',
    summary: "rights of a unix socket's file",
    arguments: 1,
    set: (bind, value) => {
      if (!/^[0-7]{1,4}$/.test(value)) {
        return `missing or invalid mode '${value}' (octal integer expected)`;
      }
      bind.owner = { ...bind.owner, mode: Number.parseInt(value, 8) };
      return undefined;
    },
  },
  nice: without(1, '<number>', 'all connections are of one priority'),
  process: without(1, '<list>', 'one process serves every listener'),
  shards: without(1, '<number>', 'every worker listens by itself'),
  tfo: without(0, '', 'TCP fast open is not used'),
  thread: {
    usage: '[<group>/]<all|odd|even|number[-number]>[,...]',
    summary: 'workers that listen there (default: all)',
    arguments: 1,
    set: (bind, value) => {
      const threads = threadSet(value);
      if (typeof threads === 'string') return threads;
      bind.threads = threads;
      return undefined;
    },
  },
  id: {
    usage: '<number>',
    summary: 'number of the listener, where so_id asks for it',
    arguments: 1,
    set: (bind, value) => {
      if (!/^[1-9]\d{0,9}$/.test(value)) return 'custom id has to be > 0';
      bind.id = Number(value);
      return undefined;
    },
  },
  proto: {
    usage: 'h1 | none',
    summary: 'accepted: HTTP/1 is what is spoken',
    arguments: 1,
    set: (_bind, value) => {
      if (value === 'h1' || value === 'none') return undefined;
      if (value === 'h2') return `'${value}' is not supported: only HTTP/1 is spoken`;
      return ` unknown MUX protocol '${value}'`;
    },
  },
  uid: owner('uid'),
  user: owner('uid', '/etc/passwd'),
  v4v6: {
    usage: '',
    summary: 'an IPv6 address takes IPv4 clients too',
    arguments: 0,
    set: (bind) => {
      bind.ipv6Only = false;
      return undefined;
    },
  },
  v6only: {
    usage: '',
    summary: 'an IPv6 address takes no IPv4 clients',
    arguments: 0,
    set: (bind) => {
      bind.ipv6Only = true;
      return undefined;
    },
  },
  'accept-proxy': {
    usage: '',
    summary: 'every connection starts with a PROXY header, version 1 or 2',
    arguments: 0,
    set: (bind) => {
      bind.acceptProxy = true;
      return undefined;
    },
  },
  maxconn: {
    usage: '<number>',
    summary: 'most connections at a time on this listener',
    arguments: 1,
    set: (bind, value) => {
      if (value === '') return 'missing value';
      const maxconn = parseInteger(value);
      if (maxconn === undefined || maxconn > MAX_COUNT) return `invalid value ${value}`;
      if (maxconn < 0) return `invalid value ${value}, must be >= 0`;
      bind.maxconn = maxconn === 0 ? undefined : maxconn;
      return undefined;
    },
  },
  name: {
    usage: '<name>',
    summary: 'what the statistics call this listener',
    arguments: 1,
    set: (bind, value) => {
      if (value === '') return 'missing name';
      bind.name = value;
      return undefined;
    },
  },
};

/** A port range must not turn one line into tens of thousands of sockets by a slip. */
const MAX_LISTENERS = 1024;

/** `bind <address>[:<port>[-<port>]][, …] [parameters]`. */
export function parseBind(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { problems } = context;
  const addresses = statement.word(1);
  if (addresses === '') {
    const expected = '{[addr1]:port1[-end1]}{,[addr]:port[-end]}...';
    problems.alert(statement.at(1), `'bind' expects ${expected} as arguments.`);
    return;
  }
  const settings: BindSettings = {
    name: undefined,
    acceptProxy: false,
    maxconn: undefined,
    tls: newBindTls(),
  };
  if (!parseParameters(draft, settings, statement, context)) return;
  const before = draft.binds.length;
  for (const written of addresses.split(',')) {
    if (written !== '') addListeners(draft, written, settings, statement, context);
  }
  proxyTls(draft).binds.push({
    settings: settings.tls,
    binds: draft.binds.slice(before),
    position: statement.position,
    subject: `'bind ${addresses}' in section '${draft.section}'`,
  });
}

function addListeners(
  draft: ProxyDraft,
  written: string,
  { tls: _tls, ...settings }: BindSettings,
  statement: Statement,
  context: Context,
): void {
  const fail = (message: string): void =>
    context.problems.alert(statement.at(1), `'bind' : ${message}`);
  const local = parseLocalAddress(written, context.environment);
  if (local?.kind === 'invalid') {
    fail(local.error);
    return;
  }
  if (local) {
    const where = local.kind === 'path' ? { host: local.host } : { host: '', fd: local.fd };
    const fault = local.kind === 'descriptor' ? descriptorFault(local.fd) : undefined;
    const bind = { ...settings, ...where, port: 0, position: statement.at(1) };
    if (fault === undefined) draft.binds.push(bind);
    else fail(fault);
    return;
  }
  const parsed = parseAddress(written, context.environment);
  if (parsed.error !== undefined) {
    fail(parsed.error);
    return;
  }
  const { host, family, ports } = parsed.address;
  if (ports === undefined) {
    fail(`missing port specification in '${written}'`);
    return;
  }
  const count = draft.binds.length + ports.last - ports.first + 1;
  if (count > MAX_LISTENERS) {
    fail(`too many listeners in '${written}', the limit is ${MAX_LISTENERS} in a proxy`);
    return;
  }
  for (let port = ports.first; port <= ports.last; port++) {
    const bind: BindConfig = { ...settings, host, port, position: statement.at(1) };
    draft.binds.push(bind);
    if (!isHostName(host)) continue;
    context.hostNames.add({
      name: host,
      family,
      position: statement.at(1),
      subject: "'bind'",
      apply: (address) => {
        bind.host = address;
      },
    });
  }
}

/** What HAProxy says of a descriptor that is no socket. */
function descriptorFault(fd: number): string | undefined {
  const cannot = `cannot use file descriptor '${fd}'`;
  try {
    return fstatSync(fd).isSocket() ? undefined : `${cannot} : Socket operation on non-socket.`;
  } catch {
    return `${cannot} : Bad file descriptor.`;
  }
}

function parseParameters(
  draft: ProxyDraft,
  settings: BindSettings,
  statement: Statement,
  { problems }: Context,
): boolean {
  const subject = `'bind ${statement.word(1)}' in section '${draft.section}'`;
  for (let index = 2; index < statement.length; index++) {
    const name = statement.word(index);
    const row = lookUp(BIND_PARAMETERS, name);
    if (!row) {
      const message = FOREIGN_BIND.includes(name)
        ? `unsupported keyword '${name}': HAProxy has it, this balancer does not.`
        : `unknown keyword '${name}'${suggestion(name, Object.keys(BIND_PARAMETERS))}`;
      problems.alert(statement.at(index), `${subject} : ${message}`);
      return false;
    }
    if (row.notice !== undefined) {
      problems.notice(statement.at(index), `${subject} : '${name}' : ${row.notice}.`);
    }
    const error = row.set(settings, row.arguments === 0 ? '' : statement.word(index + 1));
    index += row.arguments;
    if (error !== undefined) {
      const named = error.startsWith("'") ? error : `'${name}' : ${error}`;
      problems.alert(statement.at(index), `${subject} : ${named}`);
      return false;
    }
  }
  return true;
}
