import { errorResponse, type LocalResponse } from '../http/errors.ts';
import type { Message } from '../http/message.ts';
import { reasonOf } from '../http/reasons.ts';
import { ExpressionError } from '../samples/fetch.ts';
import { pathAndQuery, pathOf } from '../samples/fetches/http-names.ts';
import { compileRegex, expand } from '../samples/regex.ts';
import { countEvent } from '../stickiness/table/trackers.ts';
import { CACHE_ACTIONS } from './cache-actions.ts';
import { type RuleContext, textOf } from './context.ts';
import { LIMIT_ACTIONS } from './limit-actions.ts';
import type { HttpAction, RuleScope } from './model.ts';
import { PATTERN_ACTIONS } from './pattern-actions.ts';
import { parseRedirect } from './redirect.ts';
import { parseReply } from './reply.ts';
import { resolveAction } from './resolve-action.ts';
import { SERVICE_ACTIONS } from './service-actions.ts';
import {
  captureAction,
  setAddressAction,
  setVarAction,
  setVarFormatAction,
  unsetVarAction,
} from './shared-actions.ts';
import { TRACK_ACTIONS } from './track-actions.ts';
import { NORMALIZERS, setPath, setPathAndQuery, setQuery, setTarget } from './uri.ts';
import type { Words } from './words.ts';

export type Phase = 'request' | 'response' | 'after-response';

export interface HttpActionRow {
  readonly usage: string;
  readonly summary: string;
  readonly phases: readonly Phase[];
  /** `argument` is what stands in parentheses behind the name. */
  parse(words: Words, context: RuleContext, argument: string, phase: Phase): HttpAction;
}

const ALL: readonly Phase[] = ['request', 'response', 'after-response'];
const REQUEST: readonly Phase[] = ['request'];
const EARLY: readonly Phase[] = ['request', 'response'];

const run = (change: (scope: RuleScope) => void): HttpAction => ({ kind: 'run', run: change });
const messageOf =
  (phase: Phase) =>
  (scope: RuleScope): Message | undefined =>
    phase === 'request' ? scope.request : scope.response;

const two = (words: Words): [string, string] => {
  const message = 'expects exactly 2 arguments';
  return [words.need(message), words.need(message)];
};

/** A field's name as messages have it. */
function nameOf(text: string): string {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text))
    throw new ExpressionError(`invalid header name '${text}'`);
  return text.toLowerCase();
}

const field = (
  summary: string,
  change: (message: Message, name: string, value: string) => void,
): HttpActionRow => ({
  usage: '<name> <fmt>',
  summary,
  phases: ALL,
  parse: (words, context, _argument, phase) => {
    const [name, format] = two(words);
    const [key, value] = [nameOf(name), textOf(format, context)];
    const of = messageOf(phase);
    return run((scope) => {
      const message = of(scope);
      if (message) change(message, key, value(scope));
    });
  },
});

/** A value of a list: what is replaced loses the blanks around it (HAProxy). */
const eachOf =
  (change: (value: string) => string) =>
  (part: string): string => {
    const value = part.replace(/^[ \t]+|[ \t]+$/g, '');
    const changed = change(value);
    return changed === value ? part : changed;
  };

/** Whole lines, or each value between commas, that match are replaced. */
const replace = (whole: boolean): HttpActionRow => ({
  usage: '<name> <match-regex> <replace-fmt>',
  summary: whole
    ? 'replaces what a field has by what a pattern makes of it'
    : 'the same for each value of a list',
  phases: ALL,
  parse: (words, context, _argument, phase) => {
    const message = 'expects exactly 3 arguments';
    const name = nameOf(words.need(message));
    const regex = compileRegex(words.need(message));
    const value = textOf(words.need(message), context);
    const of = messageOf(phase);
    return run((scope) => {
      const target = of(scope);
      if (!target?.has(name)) return;
      const replacement = value(scope);
      const change = (text: string): string => {
        const match = regex.exec(text);
        return match ? expand(replacement, match) : text;
      };
      target.edit((key, text) => {
        if (key !== name) return text;
        return whole ? change(text) : text.split(',').map(eachOf(change)).join(',');
      });
    });
  },
});

const target = (
  usage: string,
  summary: string,
  set: (request: Message, value: string) => void,
): HttpActionRow => ({
  usage,
  summary,
  phases: REQUEST,
  parse: (words, context) => {
    const value = textOf(words.need('expects exactly 1 argument <format>'), context);
    return run((scope) => {
      if (scope.request) set(scope.request, value(scope));
    });
  },
});

const replaceTarget = (
  summary: string,
  get: (request: Message) => string,
  set: (request: Message, value: string) => void,
): HttpActionRow => ({
  usage: '<match-regex> <replace-fmt>',
  summary,
  phases: REQUEST,
  parse: (words, context) => {
    const message = 'expects exactly 2 arguments <match-regex> and <replace-format>';
    const regex = compileRegex(words.need(message));
    const value = textOf(words.need(message), context);
    return run((scope) => {
      const { request } = scope;
      if (!request) return;
      const match = regex.exec(get(request));
      if (match) set(request, expand(value(scope), match));
    });
  },
});

const single = (
  kind: 'allow' | 'reject' | 'drop',
  summary: string,
  phases: readonly Phase[],
): HttpActionRow => ({
  usage: '',
  summary,
  phases,
  parse: () => ({ kind }),
});

function parseAuth(words: Words): HttpAction {
  let realm = '';
  if (words.next === 'realm') {
    words.take();
    realm = words.need("'realm' expects an argument");
  }
  return {
    kind: 'return',
    reply: (scope, proxy) => {
      countEvent(scope, 'http_err');
      const page = errorResponse(401, proxy, scope);
      const line = `www-authenticate: Basic realm="${realm || proxy.name}"`;
      return withField(page, line);
    },
  };
}

const withField = (page: LocalResponse, line: string): LocalResponse => ({
  ...page,
  text: page.text === '' ? '' : `${page.text}${line}\r\n`,
  counted: page.counted + line.length - 2,
});

/** Actions of `http-request`, `http-response` and `http-after-response`: manual, section 4.2. */
export const HTTP_ACTIONS: Readonly<Record<string, HttpActionRow>> = {
  ...TRACK_ACTIONS,
  ...CACHE_ACTIONS,
  ...LIMIT_ACTIONS,
  ...PATTERN_ACTIONS,
  ...SERVICE_ACTIONS,
  allow: single('allow', 'no more rules of this list', ALL),
  reject: single('reject', 'closes the connection without a response', REQUEST),
  'silent-drop': {
    ...single('drop', 'forgets the connection without a word to the client', EARLY),
  },
  deny: {
    usage:
      '[ { status | deny_status } <code> ] [ content-type <type> ] [ <content> ] [ hdr <name> <fmt> ]*',
    summary: 'refuses with an error page (403, or 502 for responses) or another answer',
    phases: EARLY,
    parse: (words, context, _argument, phase) => ({
      kind: 'deny',
      reply: parseReply(words, context, phase === 'request' ? 403 : 502, true),
    }),
  },
  tarpit: {
    usage: '[ { status | deny_status } <code> ] …',
    summary: 'refuses after `timeout tarpit`, as `deny` does (500)',
    phases: REQUEST,
    parse: (words, context) => ({ kind: 'tarpit', reply: parseReply(words, context, 500, true) }),
  },
  return: {
    usage: '[ status <code> ] [ content-type <type> ] [ <content> ] [ hdr <name> <fmt> ]*',
    summary: 'answers in place of a server',
    phases: EARLY,
    parse: (words, context) => ({ kind: 'return', reply: parseReply(words, context, 200, false) }),
  },
  redirect: {
    usage: '{ location | prefix | scheme } <target> [ code <code> ] [ <option> ]*',
    summary: 'sends the client elsewhere',
    phases: EARLY,
    parse: (words, context) => ({ kind: 'return', reply: parseRedirect(words, context) }),
  },
  auth: {
    usage: '[ realm <realm> ]',
    summary: 'asks for user and password',
    phases: REQUEST,
    parse: parseAuth,
  },
  'add-header': field('adds a field', (message, name, value) => message.add(name, value)),
  'set-header': field('sets a field, in place of all of that name', (message, name, value) =>
    message.set(name, value),
  ),
  'del-header': {
    usage: '<name> [ -m <meth> ]',
    summary: 'takes fields away; `-m` str, beg, end, sub or reg',
    phases: ALL,
    parse: (words, _context, _argument, phase) => {
      const name = words.need('expects at least 1 argument');
      let method = 'str';
      if (words.next === '-m') {
        words.take();
        method = words.need("'-m' expects a matching method");
      }
      const matches = nameTest(method, name);
      const of = messageOf(phase);
      return run((scope) => {
        const message = of(scope);
        if (!message) return;
        if (method === 'str') message.remove(name.toLowerCase());
        else message.edit((key, value) => (matches(key) ? undefined : value));
      });
    },
  },
  'replace-header': replace(true),
  'replace-value': replace(false),
  'set-method': {
    usage: '<fmt>',
    summary: 'another method',
    phases: REQUEST,
    parse: (words, context) => {
      const value = textOf(words.need('expects exactly 1 argument <format>'), context);
      return run((scope) => {
        const method = value(scope);
        if (scope.request && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(method))
          scope.request.method = method;
      });
    },
  },
  'set-path': target('<fmt>', 'another path', setPath),
  'set-pathq': target('<fmt>', 'another path and query', setPathAndQuery),
  'set-query': target('<fmt>', 'another query', setQuery),
  'set-uri': target('<fmt>', 'another target', setTarget),
  'replace-path': replaceTarget(
    'the path, by a pattern',
    (request) => pathOf(request.target),
    setPath,
  ),
  'replace-pathq': replaceTarget(
    'path and query, by a pattern',
    (request) => pathAndQuery(request.target),
    setPathAndQuery,
  ),
  'replace-uri': replaceTarget('the target, by a pattern', ({ target: text }) => text, setTarget),
  'set-status': {
    usage: '<status> [ reason <str> ]',
    summary: 'another status',
    phases: ['response', 'after-response'],
    parse: (words) => {
      const text = words.need('expects 1 argument <status>');
      const status = Number(text);
      if (!/^\d{3}$/.test(text) || status < 100)
        throw new ExpressionError('expects an integer status code between 100 and 999');
      let reason: string | undefined;
      if (words.next === 'reason') {
        words.take();
        reason = words.need("'reason' expects an argument");
      }
      return run((scope) => {
        if (!scope.response) return;
        scope.response.status = status;
        scope.response.reason = reason ?? reasonOf(status);
      });
    },
  },
  'set-var': setVarAction,
  'set-var-fmt': setVarFormatAction,
  'unset-var': unsetVarAction,
  capture: captureAction,
  'do-resolve': resolveAction,
  'set-src': setAddressAction('source', 'host'),
  'set-src-port': setAddressAction('source', 'port'),
  'set-dst': setAddressAction('target', 'host'),
  'set-dst-port': setAddressAction('target', 'port'),
  'normalize-uri': {
    usage: '<normalizer>',
    summary: 'brings equal targets into one form',
    phases: REQUEST,
    parse: (words) => {
      const name = words.need('missing argument <normalizer>');
      const normalize = Object.hasOwn(NORMALIZERS, name) ? NORMALIZERS[name] : undefined;
      if (!normalize) throw new ExpressionError(`unknown normalizer '${name}'`);
      const option = /^(full|strict)$/.test(words.next) ? words.take() : '';
      return {
        kind: 'deny',
        reply: (scope, proxy) => {
          const { request } = scope;
          if (!request) return undefined;
          const value = normalize(request.target, option);
          if (value === undefined) return errorResponse(400, proxy, scope);
          if (value !== request.target) request.target = value;
          return undefined;
        },
      };
    },
  },
  'strict-mode': {
    usage: '{ on | off }',
    summary: 'accepted; a rule that cannot be carried out never breaks a request here',
    phases: ALL,
    parse: (words) => {
      if (!/^(on|off)$/.test(words.take()))
        throw new ExpressionError("Unexpected value. Only 'on' and 'off' are supported");
      return run(() => undefined);
    },
  },
};

function nameTest(method: string, pattern: string): (name: string) => boolean {
  const text = pattern.toLowerCase();
  if (method === 'beg') return (name) => name.startsWith(text);
  if (method === 'end') return (name) => name.endsWith(text);
  if (method === 'sub') return (name) => name.includes(text);
  if (method === 'reg') {
    const regex = compileRegex(pattern, { ignoreCase: true });
    return (name) => regex.test(name);
  }
  if (method === 'str') return (name) => name === text;
  throw new ExpressionError(`unknown matching method '${method}'`);
}
