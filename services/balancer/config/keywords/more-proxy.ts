import type { ProxyDraft, ProxySection } from '../draft.ts';
import { type Context, integerArgument, MAX_COUNT, onlyArguments } from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { parseDispatch } from './dispatch.ts';
import type { ProxyKeyword } from './proxy.ts';
import { parseRateLimit } from './rate-limit.ts';

const EVERYWHERE: readonly ProxySection[] = ['defaults', 'frontend', 'listen', 'backend'];
const CLIENT_SIDE: readonly ProxySection[] = ['defaults', 'frontend', 'listen'];
const SERVER_SIDE: readonly ProxySection[] = ['defaults', 'listen', 'backend'];

/** Gone since 2.1; says so as HAProxy does. */
const goneTimeout = (name: string, now: string): ProxyKeyword => ({
  usage: '',
  summary: 'gone since HAProxy 2.1',
  sections: EVERYWHERE,
  misplaced: 'alert',
  parse: (_draft, statement, { problems }) =>
    problems.alert(
      statement.position,
      `the '${name}' directive is not supported anymore since HAProxy 2.1. Use 'timeout ${now}'.`,
    ),
});

const number = (
  keyword: string,
  sections: readonly ProxySection[],
  summary: string,
  set: (draft: ProxyDraft, value: number) => void = () => undefined,
): ProxyKeyword => ({
  usage: '<number>',
  summary,
  sections,
  misplaced: 'warning',
  parse: (draft, statement, context) => {
    if (!onlyArguments(statement, 1, context)) return;
    const range = { min: -1, max: MAX_COUNT, keyword };
    const value = integerArgument(statement, 1, range, context);
    if (value !== undefined) set(draft, value);
  },
});

/** `declare capture { request | response } len <length>`: a slot that rules fill. */
function parseDeclare(draft: ProxyDraft, statement: Statement, { problems }: Context): void {
  const side = statement.word(2);
  const length = Number(statement.word(4));
  let fault: [index: number, message: string] | undefined;
  if (statement.word(1) !== 'capture') {
    fault = [1, "'declare' expects 'capture' as argument."];
  } else if (side !== 'request' && side !== 'response') {
    fault = [2, "'declare capture' requires a direction ('request' or 'response')"];
  } else if (!/^len(gth)?$/.test(statement.word(3))) {
    fault = [3, "'declare capture' requires a capture length"];
  } else if (!/^\d{1,5}$/.test(statement.word(4)) || length < 1 || length > 65_535) {
    fault = [4, `'declare capture': invalid length '${statement.word(4)}'`];
  }
  if (fault) {
    problems.alert(statement.at(fault[0]), fault[1]);
    return;
  }
  const { requestCaptures, responseCaptures } = draft.rules;
  (side === 'request' ? requestCaptures : responseCaptures).push({ name: '', length });
}

/** Further keywords of the proxy sections: HAProxy 2.6 manual, section 4.2. */
export const MORE_PROXY_KEYWORDS: Readonly<Record<string, ProxyKeyword>> = {
  'rate-limit': {
    usage: 'sessions <rate>',
    summary: 'most sessions in a second; more wait in the kernel',
    sections: CLIENT_SIDE,
    misplaced: 'warning',
    parse: parseRateLimit,
  },
  dispatch: {
    usage: '<address>:<port>',
    summary: 'where everything goes, unless a `balance` line asks for servers',
    sections: ['listen', 'backend'],
    misplaced: 'warning',
    parse: parseDispatch,
  },
  backlog: number(
    'backlog',
    CLIENT_SIDE,
    'connections that the kernel holds for binds that say nothing else',
    ({ settings }, value) => {
      settings.backlog = value > 0 ? value : undefined;
    },
  ),
  'bind-process': {
    usage: '<words>',
    summary: 'without effect since HAProxy 2.5',
    sections: EVERYWHERE,
    misplaced: 'alert',
    parse: (_draft, statement, { problems }) =>
      problems.warn(
        statement.position,
        "'bind-process' has no effect, is deprecated, and will be removed in version 2.7.",
      ),
  },
  clitimeout: goneTimeout('clitimeout', 'client'),
  contimeout: goneTimeout('contimeout', 'connect'),
  srvtimeout: goneTimeout('srvtimeout', 'server'),
  declare: {
    usage: 'capture { request | response } len <length>',
    summary: 'a slot for `capture` rules',
    sections: ['frontend', 'listen'],
    misplaced: 'warning',
    parse: parseDeclare,
  },
  description: {
    usage: '<text>',
    summary: 'accepted: for who reads the file',
    sections: ['frontend', 'listen', 'backend'],
    misplaced: 'alert',
    parse: (_draft, statement, { problems }) => {
      if (statement.length > 1) return;
      problems.alert(statement.at(1), "'description' expects a string argument.");
    },
  },
  grace: {
    usage: '<time>',
    summary: 'gone since HAProxy 2.5',
    sections: EVERYWHERE,
    misplaced: 'alert',
    parse: (_draft, statement, { problems }) =>
      problems.alert(
        statement.position,
        "the 'grace' keyword is not supported any more since HAProxy version 2.5.",
      ),
  },
  'http-send-name-header': {
    usage: '[<header>]',
    summary: 'tell servers their own name in a field of this name',
    sections: SERVER_SIDE,
    misplaced: 'warning',
    parse: ({ settings }, statement, { problems }) => {
      const name = statement.word(1).toLowerCase();
      if (name === 'host' || (name !== '' && !/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name))) {
        const message = `'http-send-name-header' cannot use '${statement.word(1)}' as a header.`;
        problems.alert(statement.at(1), message);
      } else settings.sendNameHeader = name === '' ? undefined : name;
    },
  },
  'max-keep-alive-queue': number(
    'max-keep-alive-queue',
    SERVER_SIDE,
    'accepted: a request never waits for a server just because its connection is there',
  ),
  'max-session-srv-conns': number(
    'max-session-srv-conns',
    CLIENT_SIDE,
    'accepted: a client keeps one connection to each server',
  ),
};
