import type { GlobalDraft } from '../draft.ts';
import { describeDurationError, parseDuration } from '../duration.ts';
import { type Keyword, type KeywordTable, onlyArguments, parseInteger } from '../keyword.ts';

const MAX_SPREAD = 50;

/** Keywords of the global section that are about checks: HAProxy 2.6 manual, section 3. */
export const GLOBAL_CHECK_KEYWORDS: KeywordTable<Keyword<GlobalDraft>> = {
  'external-check': {
    usage: '',
    summary: 'allow `option external-check`',
    parse: (global, statement, context) => {
      if (onlyArguments(statement, 0, context)) global.checks.external = true;
    },
  },
  'insecure-fork-wanted': {
    usage: '',
    summary: 'accepted: checks by a program need it in HAProxy',
    parse: (global, statement, context) => {
      if (onlyArguments(statement, 0, context)) global.checks.fork = true;
    },
  },
  'max-spread-checks': {
    usage: '<time>',
    summary: 'longest time over which the first checks are spread',
    parse: (global, statement, context) => {
      const text = statement.word(1);
      const duration = parseDuration(text);
      if (duration.error) {
        const message = describeDurationError(duration.error, text, "'max-spread-checks'");
        return context.problems.alert(statement.at(1), message);
      }
      if (onlyArguments(statement, 1, context)) global.checks.maxSpread = duration.value;
    },
  },
  'server-state-base': {
    usage: '<directory>',
    summary: 'where the files of `load-server-state-from-file` are',
    parse: (global, statement, context) => {
      const path = statement.word(1);
      if (path === '') {
        const message = "'server-state-base' expects one argument: a directory path.";
        return context.problems.alert(statement.at(1), message);
      }
      if (onlyArguments(statement, 1, context)) global.checks.stateBase = path;
    },
  },
  'server-state-file': {
    usage: '<file>',
    summary: 'the state of all servers, for `load-server-state-from-file global`',
    parse: (global, statement, context) => {
      const path = statement.word(1);
      if (path === '') {
        const message = "'server-state-file' expect one argument: a file path.";
        return context.problems.alert(statement.at(1), message);
      }
      if (onlyArguments(statement, 1, context)) global.checks.stateFile = path;
    },
  },
  'spread-checks': {
    usage: '<percent>',
    summary: 'how much the time between two checks may vary by chance, 0 to 50',
    parse: (global, statement, context) => {
      const percent = parseInteger(statement.word(1));
      if (percent === undefined || percent < 0 || percent > MAX_SPREAD) {
        const message = "'spread-checks' needs a positive value in range 0..50.";
        return context.problems.alert(statement.at(1), message);
      }
      if (onlyArguments(statement, 1, context)) global.checks.spread = percent;
    },
  },
};
