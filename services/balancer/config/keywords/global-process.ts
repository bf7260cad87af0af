import { accountNumber } from '../../listeners/accounts.ts';
import type { GlobalDraft } from '../draft.ts';
import { describeDurationError, parseDuration } from '../duration.ts';
import {
  type Context,
  integerArgument,
  type Keyword,
  type KeywordTable,
  MAX_COUNT,
  onlyArguments,
} from '../keyword.ts';
import type { Statement } from '../lexer.ts';

/** What a process gives up, and what it needs, once it listens. */
export interface ProcessConfig {
  /** Account that it becomes. */
  uid: number | undefined;
  gid: number | undefined;
  /** Files that it wants to have open. */
  descriptors: number | undefined;
  /** How long a soft stop may take, milliseconds. */
  hardStopAfter: number | undefined;
}

export const newProcessConfig = (): ProcessConfig => ({
  uid: undefined,
  gid: undefined,
  descriptors: undefined,
  hardStopAfter: undefined,
});

const ACCOUNTS = { uid: '/etc/passwd', gid: '/etc/group' } as const;

/** `user`, `group`: an account by its name. */
function byName(key: 'uid' | 'gid', what: 'user' | 'group'): Keyword<GlobalDraft> {
  return {
    usage: `<${what} name>`,
    summary: `${what} that the process becomes once it listens`,
    parse: ({ process }, statement, context) => {
      if (!onlyArguments(statement, 1, context)) return;
      const name = statement.word(1);
      const number = accountNumber(ACCOUNTS[key], name);
      if (number === undefined) {
        const message = `cannot find ${what} id for '${name}' (${name === '' ? 'no name given' : 'unknown'})`;
        context.problems.alert(statement.at(1), message);
      } else set(process, key, number, statement, context);
    },
  };
}

/** `uid`, `gid`: an account by its number. */
function byNumber(key: 'uid' | 'gid'): Keyword<GlobalDraft> {
  return {
    usage: '<number>',
    summary: `number of the ${key === 'uid' ? 'user' : 'group'} that the process becomes`,
    parse: ({ process }, statement, context) => {
      if (!onlyArguments(statement, 1, context)) return;
      const range = { min: 0, max: MAX_COUNT, keyword: key };
      const number = integerArgument(statement, 1, range, context);
      if (number !== undefined) set(process, key, number, statement, context);
    },
  };
}

function set(
  process: ProcessConfig,
  key: 'uid' | 'gid',
  number: number,
  statement: Statement,
  { problems }: Context,
): void {
  if (process[key] !== undefined) {
    problems.warn(statement.position, 'user/uid or group/gid already specified. Continuing.');
  } else process[key] = number;
}

const accepted = (summary: string): Keyword<GlobalDraft> => ({
  usage: '',
  summary: `accepted: ${summary}`,
  parse: (_global, statement, context) => {
    onlyArguments(statement, 0, context);
  },
});

/** What the process is allowed and what becomes of it: HAProxy 2.6 manual, section 3.1. */
export const GLOBAL_PROCESS: KeywordTable<Keyword<GlobalDraft>> = {
  user: byName('uid', 'user'),
  group: byName('gid', 'group'),
  uid: byNumber('uid'),
  gid: byNumber('gid'),
  chroot: {
    usage: '<directory>',
    summary: 'accepted with a notice: the service manager does that (RootDirectory=)',
    parse: (_global, statement, context) => {
      if (!onlyArguments(statement, 1, context)) return;
      const directory = statement.word(1);
      if (directory === '') {
        context.problems.alert(statement.at(1), "'chroot' expects a directory as an argument.");
        return;
      }
      const message = `'chroot ${directory}' is not applied: the runtime cannot change its root. Let the service manager do it (RootDirectory= or ProtectSystem= of systemd).`;
      context.problems.notice(statement.position, message);
    },
  },
  'ulimit-n': {
    usage: '<number>',
    summary: 'files that the process has to be able to open; it does not start with fewer',
    parse: ({ process }, statement, context) => {
      if (!onlyArguments(statement, 1, context)) return;
      const range = { min: 1, max: MAX_COUNT, keyword: 'ulimit-n' };
      process.descriptors = integerArgument(statement, 1, range, context) ?? process.descriptors;
    },
  },
  'hard-stop-after': {
    usage: '<time>',
    summary: 'longest time that a soft stop may take',
    parse: ({ process }, statement, context) => {
      const text = statement.word(1);
      const duration = parseDuration(text);
      if (duration.error) {
        const where = "'hard-stop-after'";
        const message = describeDurationError(duration.error, text, where);
        context.problems.alert(statement.at(1), message);
      } else if (onlyArguments(statement, 1, context)) process.hardStopAfter = duration.value;
    },
  },
  'master-worker': {
    usage: '[no-exit-on-failure]',
    summary: 'accepted: the one process reloads in place (SIGUSR2), as a master would',
    parse: (_global, statement, context) => {
      onlyArguments(statement, 1, context);
    },
  },
  'strict-limits': accepted('the process never starts with less than it needs'),
  'set-dumpable': accepted('the service manager decides on core files'),
  'insecure-setuid-wanted': accepted('checks that need it run as the account of the process'),
  'no-memory-trimming': accepted('memory is returned as the runtime does it'),
};
