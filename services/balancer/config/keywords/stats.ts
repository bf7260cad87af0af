import { hostname } from 'node:os';
import { compileCondition } from '../../rules/condition.ts';
import { ExpressionError } from '../../samples/fetch.ts';
import { hasFrontend, type ProxyDraft } from '../draft.ts';
import { describeDurationError, parseDuration } from '../duration.ts';
import {
  type Context,
  type KeywordInfo,
  type KeywordTable,
  lookUp,
  suggestion,
} from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { ruleContext } from '../rule-context.ts';

type StatsDraft = NonNullable<ProxyDraft['settings']['stats']>;

interface StatsKeyword extends KeywordInfo {
  /** Number of arguments; more are ignored with a warning. */
  arguments: number;
  set(stats: StatsDraft, statement: Statement, context: Context): void;
}

export const DEFAULT_STATS_URI = '/haproxy?stats';
export const DEFAULT_STATS_REALM = 'HAProxy Statistics';

/** `stats <name>` in proxies: HAProxy 2.6 manual, section 4.2. */
export const STATS: KeywordTable<StatsKeyword> = {
  enable: {
    usage: '',
    summary: 'answer with the statistics page',
    arguments: 0,
    set: () => undefined,
  },
  uri: {
    usage: '<prefix>',
    summary: `where the page is (default ${DEFAULT_STATS_URI})`,
    arguments: 1,
    set: (stats, statement, { problems }) => {
      const uri = statement.word(2);
      if (uri === '') return problems.alert(statement.at(2), "'uri' needs an URI prefix.");
      stats.uri = uri;
    },
  },
  realm: {
    usage: '<realm>',
    summary: 'what a browser shows when it asks for a password',
    arguments: 1,
    set: (stats, statement, { problems }) => {
      const realm = statement.word(2);
      if (realm === '') return problems.alert(statement.at(2), "'realm' needs an realm name.");
      stats.realm = realm;
    },
  },
  auth: {
    usage: '<user>:<password>',
    summary: 'who may see the page; may be repeated',
    arguments: 1,
    set: (stats, statement, { problems }) => {
      const account = statement.word(2);
      if (account === '') {
        return problems.alert(statement.at(2), "'auth' needs a user:password account.");
      }
      const colon = account.indexOf(':');
      const user = colon < 0 ? account : account.slice(0, colon);
      if (stats.users.some((known) => known.user === user)) {
        return problems.warn(statement.at(2), `uri auth: ignoring duplicated user '${user}'.`);
      }
      stats.users.push({ user, password: colon < 0 ? '' : account.slice(colon + 1) });
    },
  },
  refresh: {
    usage: '<time>',
    summary: 'how often the page reloads itself; a bare number is in seconds',
    arguments: 1,
    set: (stats, statement, { problems }) => {
      const text = statement.word(2);
      const duration = parseDuration(text, 's');
      if (duration.error) {
        const where = 'argument to stats refresh interval';
        return problems.alert(statement.at(2), describeDurationError(duration.error, text, where));
      }
      stats.refresh = duration.value === 0 ? undefined : Math.ceil(duration.value / 1000);
    },
  },
  scope: {
    usage: '<proxy> | .',
    summary: 'show this proxy, or the own one, and no others but those of more such lines',
    arguments: 1,
    set: (stats, statement, { problems }) => {
      const name = statement.word(2);
      if (name === '') return problems.alert(statement.at(2), "'scope' needs a proxy name.");
      stats.scope = [...(stats.scope ?? []), name];
    },
  },
  'show-legends': {
    usage: '',
    summary: 'show addresses, cookies and algorithms',
    arguments: 0,
    set: (stats) => {
      stats.legends = true;
    },
  },
  'show-modules': {
    usage: '',
    summary: 'accepted: the figures of modules are in the CSV in any case',
    arguments: 0,
    set: () => undefined,
  },
  'show-node': {
    usage: '[<name>]',
    summary: 'show the name of the node (default: that of the system)',
    arguments: 1,
    set: (stats, statement, { problems }) => {
      const name = statement.word(2);
      if (!/^[\w.-]*$/.test(name)) {
        const message = `'stats show-node' : invalid node name '${name}' - should be a string with digits(0-9), letters(A-Z, a-z), hyphen(-) or underscore(_).`;
        return problems.alert(statement.at(2), message);
      }
      stats.node = name || hostname();
    },
  },
  'show-desc': {
    usage: '[<text>]',
    summary: 'show a description (default: that of the global section)',
    arguments: Number.POSITIVE_INFINITY,
    set: (stats, statement) => {
      const words = statement.tokens.slice(2).map(({ text }) => text);
      stats.description = words.join(' ');
    },
  },
  'hide-version': {
    usage: '',
    summary: 'keep the version off the page',
    arguments: 0,
    set: (stats) => {
      stats.hideVersion = true;
    },
  },
};

const FOREIGN = ['http-request'];

/** `stats admin { if | unless } <condition>`: who may change servers on the page. */
function parseAdmin(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { problems } = context;
  const polarity = statement.word(2);
  if (!hasFrontend(draft.section as never)) {
    const message = `'stats admin' ignored because ${draft.section} '${draft.name}' has no frontend capability`;
    problems.warn(statement.position, message);
  }
  if (polarity !== 'if' && polarity !== 'unless') {
    const message = "'stats admin' expects 'if' or 'unless' followed by a condition.";
    problems.alert(statement.at(2), message);
    return;
  }
  const words = statement.tokens.slice(3).map(({ text }) => text);
  const rule = ruleContext(draft, statement.position, context, 'request', 'stats admin rule');
  try {
    draft.statsAdmin = [...(draft.statsAdmin ?? []), compileCondition(words, polarity, rule)];
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const message = `error detected while parsing a 'stats admin' rule : ${error.message}.`;
    problems.alert(statement.position, message);
  }
}

export const ADMIN: StatsKeyword = {
  usage: '{ if | unless } <condition>',
  summary: 'let servers be changed on the page',
  arguments: Number.POSITIVE_INFINITY,
  set: () => undefined,
};

export function parseStats(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { problems } = context;
  const name = statement.word(1);
  const row = name === 'admin' ? ADMIN : lookUp(STATS, name);
  if (!row) {
    const names = ['admin', ...Object.keys(STATS)];
    const expected = names.map((known) => `'${known}'`).join(', ');
    const message = FOREIGN.includes(name)
      ? `unsupported stats parameter '${name}': HAProxy has it, this balancer does not; it has ${expected}.`
      : name === ''
        ? `missing keyword in 'stats', expects ${expected}.`
        : `unknown stats parameter '${name}'${suggestion(name, names)}, expects ${expected}.`;
    problems.alert(statement.at(1), message);
    return;
  }
  const { settings } = draft;
  if (settings.stats === undefined || settings.stats.inherited) {
    settings.stats = {
      uri: DEFAULT_STATS_URI,
      users: [],
      realm: DEFAULT_STATS_REALM,
      refresh: undefined,
      hideVersion: false,
      position: statement.position,
      inherited: false,
    };
  }
  if (row === ADMIN) parseAdmin(draft, statement, context);
  row.set(settings.stats, statement, context);
  const extra = statement.tokens[2 + row.arguments];
  if (extra) {
    const message = `'stats ${name}' : extra argument '${extra.text}' is ignored; a space within an argument needs quotes.`;
    problems.warn(statement.at(2 + row.arguments), message);
  }
}
