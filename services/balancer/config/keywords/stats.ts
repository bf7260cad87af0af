import type { ProxyDraft } from '../draft.ts';
import { describeDurationError, parseDuration } from '../duration.ts';
import {
  type Context,
  type KeywordInfo,
  type KeywordTable,
  lookUp,
  suggestion,
} from '../keyword.ts';
import type { Statement } from '../lexer.ts';

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
  'hide-version': {
    usage: '',
    summary: 'keep the version off the page',
    arguments: 0,
    set: (stats) => {
      stats.hideVersion = true;
    },
  },
};

const FOREIGN = [
  'admin',
  'http-request',
  'scope',
  'show-desc',
  'show-legends',
  'show-modules',
  'show-node',
];

export function parseStats(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { problems } = context;
  const name = statement.word(1);
  const row = lookUp(STATS, name);
  if (!row) {
    const names = Object.keys(STATS);
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
  row.set(settings.stats, statement, context);
  const extra = statement.tokens[2 + row.arguments];
  if (extra) {
    const message = `'stats ${name}' : extra argument '${extra.text}' is ignored; a space within an argument needs quotes.`;
    problems.warn(statement.at(2 + row.arguments), message);
  }
}
