import { hostname } from 'node:os';
import type { GlobalDraft } from '../draft.ts';
import {
  type Context,
  integerArgument,
  type Keyword,
  type KeywordTable,
  MAX_COUNT,
  onlyArguments,
} from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { GLOBAL_CHECK_KEYWORDS } from './global-checks.ts';
import { GLOBAL_PROCESS } from './global-process.ts';
import { GLOBAL_STATS } from './global-stats.ts';
import { GLOBAL_TLS } from './global-tls.ts';
import { GLOBAL_TUNING } from './global-tuning.ts';
import { parseLog } from './log.ts';
import { RATE_KEYWORDS } from './rate-limit.ts';

const MAX_THREADS = 64;

/** Keywords of the global section: HAProxy 2.6 manual, section 3. */
export const GLOBAL_KEYWORDS: KeywordTable<Keyword<GlobalDraft>> = {
  ...GLOBAL_CHECK_KEYWORDS,
  ...GLOBAL_PROCESS,
  ...GLOBAL_STATS,
  ...GLOBAL_TLS,
  ...GLOBAL_TUNING,
  daemon: {
    usage: '',
    summary: 'go to the background once started',
    parse: (global, statement, context) => {
      if (onlyArguments(statement, 0, context)) global.daemon = true;
    },
  },
  description: {
    usage: '<text>',
    summary: 'what the statistics call this process',
    parse: (global, statement, { problems }) => {
      const text = statement.tokens.slice(1).map((token) => token.text);
      if (text.length === 0) {
        return problems.alert(statement.at(1), "'description' expects a string argument.");
      }
      global.description = text.join(' ');
    },
  },
  'expose-experimental-directives': {
    usage: '',
    summary: 'accepted: what HAProxy calls experimental needs no permission here',
    parse: (_global, statement, context) => {
      onlyArguments(statement, 0, context);
    },
  },
  log: {
    usage: '<target> [len <length>] [format <format>] <facility> [<level> [<minlevel>]]',
    summary: 'where `log global` sends lines; may be repeated',
    parse: (global, statement, context) => {
      const target = parseLog(statement, context, { inProxy: false });
      if (target && target !== 'global') global.log.push(target);
    },
  },
  'log-send-hostname': {
    usage: '[<string>]',
    summary: 'put a host name into log lines (default: the name of the system)',
    parse: (global, statement, context) => {
      if (global.sendHostname !== undefined) {
        alreadySpecified('log-send-hostname', statement, context);
        return;
      }
      global.sendHostname = statement.word(1) || hostname();
    },
  },
  'log-tag': {
    usage: '<string>',
    summary: 'program name in log lines',
    parse: (global, statement, context) => {
      const tag = statement.word(1);
      if (tag === '') {
        const message = "'log-tag' expects a tag for use in syslog.";
        return context.problems.alert(statement.at(1), message);
      }
      if (onlyArguments(statement, 1, context)) global.logTag = tag;
    },
  },
  maxconn: {
    usage: '<number>',
    summary: 'most connections of the process at a time',
    parse: (global, statement, context) => {
      if (!onlyArguments(statement, 1, context)) return;
      const range = { min: 0, max: MAX_COUNT, keyword: 'maxconn' };
      const value = integerArgument(statement, 1, range, context);
      if (value === undefined) return;
      if (global.maxconn !== undefined) return alreadySpecified('maxconn', statement, context);
      global.maxconn = value === 0 ? undefined : value;
    },
  },
  ...RATE_KEYWORDS,
  nbthread: {
    usage: '<number>',
    summary: 'workers that serve, threads with an event loop each (default 1)',
    parse: (global, statement, context) => {
      if (!onlyArguments(statement, 1, context)) return;
      const range = { min: 1, max: MAX_THREADS, keyword: 'nbthread' };
      const value = integerArgument(statement, 1, range, context);
      if (value !== undefined) global.threads = value;
    },
  },
  node: {
    usage: '<name>',
    summary: 'name of this node on the statistics page',
    parse: (global, statement, { problems }) => {
      const name = statement.word(1);
      if (!/^[\w.-]+$/.test(name)) {
        const message =
          "'node' requires valid node name - non-empty string with digits(0-9), letters(A-Z, a-z), dot(.), hyphen(-) or underscore(_).";
        return problems.alert(statement.at(1), message);
      }
      global.node = name;
    },
  },
  pidfile: {
    usage: '<file>',
    summary: 'where the process writes its id',
    parse: (global, statement, context) => {
      const path = statement.word(1);
      if (path === '') {
        const message = "'pidfile' expects a file name as an argument.";
        return context.problems.alert(statement.at(1), message);
      }
      if (!onlyArguments(statement, 1, context)) return;
      if (global.pidfile !== undefined) return alreadySpecified('pidfile', statement, context);
      global.pidfile = path;
    },
  },
  presetenv: {
    usage: '<name> <value>',
    summary: 'set a variable unless it is set',
    parse: (_global, statement, context) => {
      const { environment } = context;
      if (hasNameAndValue(statement, context) && !environment.has(statement.word(1))) {
        environment.set(statement.word(1), statement.word(2));
      }
    },
  },
  resetenv: {
    usage: '[<name> ...]',
    summary: 'forget all variables but these',
    parse: (_global, statement, { environment }) => {
      const kept = new Set(statement.tokens.slice(1).map((token) => token.text));
      for (const name of environment.keys()) if (!kept.has(name)) environment.delete(name);
    },
  },
  setenv: {
    usage: '<name> <value>',
    summary: 'set a variable for the lines below',
    parse: (_global, statement, context) => {
      if (hasNameAndValue(statement, context)) {
        context.environment.set(statement.word(1), statement.word(2));
      }
    },
  },
  unsetenv: {
    usage: '<name> ...',
    summary: 'forget variables',
    parse: (_global, statement, { problems, environment }) => {
      if (statement.length === 1) {
        const message = "'unsetenv' expects at least one variable name.";
        return problems.alert(statement.at(1), message);
      }
      for (const token of statement.tokens.slice(1)) environment.delete(token.text);
    },
  },
};

/** The first one counts. HAProxy calls it an alert and goes on. */
function alreadySpecified(keyword: string, statement: Statement, { problems }: Context): void {
  problems.warn(statement.position, `'${keyword}' already specified. Continuing.`);
}

function hasNameAndValue(statement: Statement, { problems }: Context): boolean {
  if (statement.length >= 3) return true;
  const message = `'${statement.word(0)}' expects a name and a value.`;
  problems.alert(statement.position, message);
  return false;
}
