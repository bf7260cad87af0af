import { hasBackend, hasFrontend, type ProxyDraft, type ProxySection } from '../draft.ts';
import {
  type Context,
  integerArgument,
  type Keyword,
  type KeywordTable,
  MAX_COUNT,
  onlyArguments,
  suggestion,
} from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { BALANCE_USAGE, parseBalance } from './balance.ts';
import { parseBind } from './bind.ts';
import { parseCompression } from './compression.ts';
import { parseCookie } from './cookie.ts';
import { parseErrorFile } from './error-file.ts';
import { parseExternalCheck } from './external-check.ts';
import { parseFilter } from './filter.ts';
import { HASH_TYPE_USAGE, parseHashBalanceFactor, parseHashType } from './hash-type.ts';
import { parseHttpCheck } from './http-check.ts';
import { parseHttpReuse } from './http-reuse.ts';
import { parseLog } from './log.ts';
import { MORE_PROXY_KEYWORDS } from './more-proxy.ts';
import { parseOption } from './options.ts';
import { parseDynamicCookieKey, parsePersist, parsePersistence } from './persistence.ts';
import { parseRetryOn, RETRY_ON_USAGE } from './retry-on.ts';
import { RULE_KEYWORDS } from './rule-keywords.ts';
import { parseDefaultServer, parseServer, parseServerTemplate } from './server.ts';
import { SERVER_STATE_KEYWORDS } from './server-state.ts';
import { parseSource } from './source.ts';
import { parseStats } from './stats.ts';
import { parseTcpCheck } from './tcp-check.ts';
import { parseTimeout } from './timeouts.ts';

export interface ProxyKeyword extends Keyword<ProxyDraft> {
  sections: readonly ProxySection[];
  /** What using it in another section is: ignored with a warning, or an error. */
  misplaced: 'warning' | 'alert';
}

const EVERYWHERE: readonly ProxySection[] = ['defaults', 'frontend', 'listen', 'backend'];
const CLIENT_SIDE: readonly ProxySection[] = ['defaults', 'frontend', 'listen'];
const SERVER_SIDE: readonly ProxySection[] = ['defaults', 'listen', 'backend'];

/** Keywords of the proxy sections: HAProxy 2.6 manual, section 4.2. */
export const PROXY_KEYWORDS: KeywordTable<ProxyKeyword> = {
  ...RULE_KEYWORDS,
  ...MORE_PROXY_KEYWORDS,
  balance: {
    usage: BALANCE_USAGE,
    summary: 'how a server is chosen',
    sections: SERVER_SIDE,
    misplaced: 'warning',
    parse: parseBalance,
  },
  bind: {
    usage: '[<address>]:<port>[-<port>] [, ...] [param*]',
    summary: 'where the proxy listens',
    sections: ['frontend', 'listen'],
    misplaced: 'warning',
    parse: parseBind,
  },
  compression: {
    usage: 'algo <algorithm> ... | type <mime type> ... | offload',
    summary: 'compress responses: gzip, deflate, raw-deflate; identity',
    sections: EVERYWHERE,
    misplaced: 'alert',
    parse: parseCompression,
  },
  cookie: {
    usage: '<name> [ rewrite | insert | prefix ] [ indirect ] [ nocache ] [ postonly ] [param*]',
    summary: 'keep clients at their server with a cookie',
    sections: SERVER_SIDE,
    misplaced: 'warning',
    parse: parseCookie,
  },
  default_backend: {
    usage: '<backend>',
    summary: 'the backend that gets everything',
    sections: CLIENT_SIDE,
    misplaced: 'warning',
    parse: (draft, statement, context) => {
      const name = statement.word(1);
      if (name === '') {
        const message = "'default_backend' expects a backend name.";
        return context.problems.alert(statement.at(1), message);
      }
      if (!onlyArguments(statement, 1, context)) return;
      draft.settings.defaultBackend = { name, position: statement.at(1) };
    },
  },
  'default-server': {
    usage: '[param*]',
    summary: 'parameters for the servers below it',
    sections: SERVER_SIDE,
    misplaced: 'alert',
    parse: parseDefaultServer,
  },
  disabled: {
    usage: '',
    summary: 'do not start this proxy',
    sections: EVERYWHERE,
    misplaced: 'alert',
    parse: (draft, statement, context) => {
      if (onlyArguments(statement, 0, context)) draft.settings.disabled = true;
    },
  },
  'dynamic-cookie-key': {
    usage: '<key>',
    summary: 'secret that dynamic cookies are made with',
    sections: SERVER_SIDE,
    misplaced: 'warning',
    parse: parseDynamicCookieKey,
  },
  enabled: {
    usage: '',
    summary: 'undo `disabled` of a defaults section',
    sections: EVERYWHERE,
    misplaced: 'alert',
    parse: (draft, statement, context) => {
      if (onlyArguments(statement, 0, context)) draft.settings.disabled = false;
    },
  },
  errorfile: {
    usage: '<code> <file>',
    summary: 'a file to answer with instead of the built-in error page',
    sections: EVERYWHERE,
    misplaced: 'alert',
    parse: parseErrorFile,
  },
  'external-check': {
    usage: 'command <command> | path <path>',
    summary: 'the program of `option external-check`',
    sections: SERVER_SIDE,
    misplaced: 'warning',
    parse: parseExternalCheck,
  },
  'force-persist': {
    usage: '{ if | unless } <condition>',
    summary: 'stickiness to servers that are down, for some requests',
    sections: ['listen', 'backend'],
    misplaced: 'warning',
    parse: parsePersistence('force'),
  },
  filter: {
    usage: 'cache <name> | compression',
    summary: 'accepted: a cache sees the response before compression does',
    sections: ['frontend', 'listen', 'backend'],
    misplaced: 'alert',
    parse: parseFilter,
  },
  fullconn: count('fullconn', SERVER_SIDE, 'load at which dynamic limits reach their maximum'),
  'hash-balance-factor': {
    usage: '<factor>',
    summary: 'percent of the average load that a consistent hash gives a server at most',
    sections: SERVER_SIDE,
    misplaced: 'warning',
    parse: parseHashBalanceFactor,
  },
  'hash-type': {
    usage: HASH_TYPE_USAGE,
    summary: 'how a key leads to a server',
    sections: SERVER_SIDE,
    misplaced: 'warning',
    parse: parseHashType,
  },
  'http-check': {
    usage:
      'disable-on-404 | send-state | connect [param*] | send [param*] | expect [param*] [!] <match> <pattern> | comment <text> | set-var(<name>) <expr>',
    summary: 'the script of `option httpchk`',
    sections: SERVER_SIDE,
    misplaced: 'warning',
    parse: parseHttpCheck,
  },
  'http-reuse': {
    usage: '{ never | safe | aggressive | always }',
    summary: 'which requests share idle connections to servers (default safe)',
    sections: SERVER_SIDE,
    misplaced: 'warning',
    parse: parseHttpReuse,
  },
  id: {
    usage: '<value>',
    summary: 'number of the proxy in the statistics',
    sections: ['frontend', 'listen', 'backend'],
    misplaced: 'alert',
    parse: (draft, statement, context) => {
      if (!onlyArguments(statement, 1, context)) return;
      const range = { min: 1, max: MAX_COUNT, keyword: 'id' };
      draft.id = integerArgument(statement, 1, range, context) ?? draft.id;
    },
  },
  ...SERVER_STATE_KEYWORDS,
  'ignore-persist': {
    usage: '{ if | unless } <condition>',
    summary: 'no stickiness for some requests',
    sections: ['listen', 'backend'],
    misplaced: 'warning',
    parse: parsePersistence('ignore'),
  },
  log: {
    usage: 'global | <target> [len <length>] [format <format>] <facility> [<level> [<minlevel>]]',
    summary: 'where log lines go; `no log` undoes what was inherited',
    sections: EVERYWHERE,
    misplaced: 'alert',
    parse: (draft, statement, context) => {
      const target = parseLog(statement, context, { inProxy: true });
      if (target) draft.settings.log.push(target);
    },
  },
  'log-tag': {
    usage: '<string>',
    summary: 'program name in log lines',
    sections: EVERYWHERE,
    misplaced: 'alert',
    parse: (draft, statement, context) => {
      const tag = statement.word(1);
      if (tag === '') {
        const message = "'log-tag' expects a tag for use in syslog.";
        return context.problems.alert(statement.at(1), message);
      }
      if (onlyArguments(statement, 1, context)) draft.settings.logTag = tag;
    },
  },
  maxconn: count('maxconn', CLIENT_SIDE, 'most connections at a time; more wait in the kernel'),
  mode: {
    usage: 'tcp | http',
    summary: 'what the proxy speaks (default tcp)',
    sections: EVERYWHERE,
    misplaced: 'alert',
    parse: (draft, statement, context) => {
      const mode = statement.word(1);
      if (mode !== 'tcp' && mode !== 'http') {
        const message = `unknown proxy mode '${mode}'${suggestion(mode, ['tcp', 'http'])}`;
        return context.problems.alert(statement.at(1), message);
      }
      if (onlyArguments(statement, 1, context)) draft.settings.mode = mode;
    },
  },
  option: {
    usage: '<name> [param*]',
    summary: 'switches; `no option` undoes one',
    sections: EVERYWHERE,
    misplaced: 'alert',
    parse: (draft, statement, context) => parseOption(draft, statement, context, undefined),
  },
  persist: {
    usage: 'rdp-cookie[(<name>)]',
    summary: 'send RDP clients to the server that their cookie names',
    sections: SERVER_SIDE,
    misplaced: 'warning',
    parse: parsePersist,
  },
  retries: {
    usage: '<value>',
    summary: 'attempts after a connection to a server failed (default 3)',
    sections: SERVER_SIDE,
    misplaced: 'warning',
    parse: (draft, statement, context) => {
      if (!onlyArguments(statement, 1, context)) return;
      const range = { min: 0, max: MAX_COUNT, keyword: 'retries' };
      const { settings } = draft;
      settings.retries = integerArgument(statement, 1, range, context) ?? settings.retries;
    },
  },
  'retry-on': {
    usage: RETRY_ON_USAGE,
    summary: 'what a request is sent once more after (default conn-failure)',
    sections: SERVER_SIDE,
    misplaced: 'warning',
    parse: parseRetryOn,
  },
  server: {
    usage: '<name> <address>:<port> [param*]',
    summary: 'a server of this backend',
    sections: ['listen', 'backend'],
    misplaced: 'alert',
    parse: parseServer,
  },
  'server-template': {
    usage: '<prefix> <number | range> <address>:<port> [param*]',
    summary: 'several servers of this backend that differ in their names alone',
    sections: ['listen', 'backend'],
    misplaced: 'alert',
    parse: parseServerTemplate,
  },
  source: {
    usage: '<address>[:<port>]',
    summary: 'address of ours that connections to servers come from',
    sections: SERVER_SIDE,
    misplaced: 'warning',
    parse: parseSource,
  },
  stats: {
    usage: '<name> [param*]',
    summary: 'the statistics page',
    sections: EVERYWHERE,
    misplaced: 'alert',
    parse: parseStats,
  },
  'tcp-check': {
    usage:
      'connect [param*] | send[-binary][-lf] <data> | expect [param*] [!] <match> <pattern> | comment <text> | set-var(<name>) <expr>',
    summary: 'the script of `option tcp-check`',
    sections: SERVER_SIDE,
    misplaced: 'warning',
    parse: parseTcpCheck,
  },
  timeout: {
    usage: '<name> <time>',
    summary: 'how long to wait, in milliseconds or with a unit',
    sections: EVERYWHERE,
    misplaced: 'alert',
    parse: parseTimeout,
  },
};

function count(
  keyword: 'maxconn' | 'fullconn',
  sections: readonly ProxySection[],
  summary: string,
): ProxyKeyword {
  return {
    usage: '<conns>',
    summary,
    sections,
    misplaced: 'warning',
    parse: (draft, statement, context) => {
      if (!onlyArguments(statement, 1, context)) return;
      const value = integerArgument(statement, 1, { min: 0, max: MAX_COUNT, keyword }, context);
      // 0 stands for "not set".
      if (value !== undefined) draft.settings[keyword] = value === 0 ? undefined : value;
    },
  };
}

/** True where the keyword may stand in the section; otherwise says so, as HAProxy does. */
export function isPlaced(
  name: string,
  row: ProxyKeyword,
  draft: ProxyDraft,
  statement: Statement,
  { problems }: Context,
): boolean {
  const { section } = draft;
  if (row.sections.includes(section)) return true;
  if (section === 'defaults') {
    problems.alert(statement.position, `'${name}' not allowed in 'defaults' section.`);
    return false;
  }
  const missing = !hasBackend(section) ? 'backend' : !hasFrontend(section) ? 'frontend' : '';
  const why = `because ${section} '${draft.name}' has no ${missing} capability.`;
  if (row.misplaced === 'alert') {
    problems.alert(statement.position, `'${name}' not allowed ${why}`);
  } else {
    const other = { maxconn: 'fullconn', fullconn: 'maxconn' }[name];
    const hint = other ? ` Maybe you want '${other}' instead ?` : '';
    problems.warn(statement.position, `'${name}' ignored ${why}${hint}`);
  }
  return false;
}
