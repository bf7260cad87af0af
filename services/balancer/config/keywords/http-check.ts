import { type HttpRule, type HttpSend, ownRules } from '../check-settings.ts';
import type { ProxyDraft } from '../draft.ts';
import { type Context, onlyArguments, suggestion } from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { parseConnect } from './check-connect.ts';
import { parseExpect } from './check-expect.ts';
import { StepArguments } from './step-arguments.ts';
import { assertConnectFirst, commentOf, parseSet, withFaults } from './tcp-check.ts';

const ACTIONS = ['comment', 'connect', 'disable-on-404', 'expect', 'send', 'send-state'];

/** `option httpchk [<method>] <uri> [<version>]`: manual, section 4.2. */
export function setHttpCheck(draft: ProxyDraft, statement: Statement, context: Context): void {
  if (!onlyArguments(statement, 3, context, 2)) return;
  const { check } = draft.settings;
  check.method = 'http';
  const [first, second, third] = [statement.word(2), statement.word(3), statement.word(4)];
  const send = newSend(true);
  if (first !== '') send.uri = second === '' ? first : second;
  if (second !== '') send.method = first;
  // Raw fields and a body may hang on the version: the way before `http-check send`.
  const [version, rest] = cut(third, '\r\n');
  if (third !== '') send.version = version;
  if (rest !== undefined) {
    const message =
      "'option httpchk' : hiding headers or body at the end of the version string is deprecated. Please, consider to use 'http-check send' directive instead.";
    context.problems.warn(statement.at(4), message);
    const [head = '', body] = cut(rest, '\r\n\r\n');
    send.body = body;
    for (const line of head.split(/\r?\n/)) {
      const [name = '', value] = cut(line, ':');
      if (value === undefined) continue;
      const text = value.trim();
      send.fields.push([name, () => text]);
    }
  }
  withFaults('option', statement, context, () => addImplicit(ownRules(check.http), send));
}

/** `http-check <action> …`: manual, section 4.2. */
export function parseHttpCheck(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { check } = draft.settings;
  const action = statement.word(1);
  if (action === 'disable-on-404' || action === 'send-state') {
    if (!onlyArguments(statement, 0, context, 2)) return;
    if (action === 'send-state') check.sendState = true;
    else check.disableOn404 = true;
    return;
  }
  withFaults('http-check', statement, context, () => {
    const words: StepArguments = new StepArguments(statement, 2, context);
    // Rules go on after what the option alone has set; they replace what was inherited.
    const rules = ownRules(check.http);
    const last = rules.at(-1);
    const index = last && !isImplicit(last) ? last.index + 1 : 0;
    const rule = parseRule(action, words, rules);
    if (!rule) {
      words.at = 1;
      const known =
        "'disable-on-404', 'send-state', 'comment', 'connect', 'send', 'expect', 'set-var', 'set-var-fmt', 'unset-var'";
      words.fail(`only supports ${known} but got '${action}'${suggestion(action, ACTIONS)}`);
    }
    addExplicit(rules, { ...rule, index }, words);
  });
}

function parseRule(
  action: string,
  words: StepArguments,
  rules: readonly HttpRule[],
): HttpRule | undefined {
  switch (action) {
    case 'comment':
      return { kind: 'comment', index: 0, comment: commentOf(words) };
    case 'connect':
      assertConnectFirst(rules, words);
      return parseConnect(words);
    case 'expect':
      return parseExpect(words, 'http');
    case 'send':
      return parseSend(words);
    default:
      return parseSet(action, words);
  }
}

function parseSend(words: StepArguments): HttpSend {
  const send = newSend(false);
  for (; !words.done; words.at += 1) {
    switch (words.word) {
      case 'meth':
        send.method = words.value('a string as argument.');
        break;
      case 'uri':
        send.uri = words.value('a string as argument.');
        break;
      case 'uri-lf':
        send.uri = words.text('a string as argument.');
        break;
      case 'ver':
        send.version = words.value('a string as argument.');
        break;
      case 'body':
        send.body = words.value('a string as argument.');
        break;
      case 'body-lf':
        send.body = words.text('a string as argument.');
        break;
      case 'comment':
        send.comment = words.value('a string as argument.');
        break;
      case 'hdr': {
        const [name, value] = [words.ahead(1), words.ahead(2)];
        if (name === '' || value === '') {
          words.fail("'hdr' expects <name> and <value> as arguments.");
        }
        if (name.toLowerCase() === 'host' && send.fields.some(([one]) => /^host$/i.test(one))) {
          words.fail(`'${name}' header already defined.`);
        }
        send.fields.push([name, words.compile(value)]);
        words.at += 2;
        break;
      }
      default:
        words.fail(
          `expects 'comment', 'meth', 'uri', 'uri-lf', 'ver', 'hdr', 'body' or 'body-lf' but got '${words.word}' as argument.`,
        );
    }
  }
  return send;
}

const newSend = (implicit: boolean): HttpSend => ({
  kind: 'http-send',
  index: 0,
  comment: undefined,
  implicit,
  method: undefined,
  uri: undefined,
  version: undefined,
  fields: [],
  body: undefined,
});

const isImplicit = (rule: HttpRule | undefined): rule is HttpSend =>
  rule?.kind === 'http-send' && rule.implicit;

/** What `option httpchk` says goes into the first `send`, or before everything else. */
function addImplicit(rules: HttpRule[], send: HttpSend): void {
  const at = rules.findIndex(({ kind }) => kind !== 'comment' && kind !== 'set');
  const first = rules[at]?.kind === 'connect' ? at + 1 : at;
  const rule = rules[first];
  if (rule?.kind !== 'http-send') rules.unshift(send);
  else if (rule.implicit) rules[first] = send;
  else rules[first] = { ...overwrite(rule, send), implicit: false };
}

function addExplicit(rules: HttpRule[], rule: HttpRule, words: StepArguments): void {
  const last = rules.findLast(({ kind }) => kind !== 'comment' && kind !== 'set');
  const step = rule.index + 1;
  const missing = (what: string): never =>
    words.fail(
      `unable to add http-check ${nameOf(rule)} rule at step ${step} (missing ${what} rule).`,
    );
  if (last && !isImplicit(last)) {
    if (rule.kind === 'http-send' && last.kind !== 'connect') missing('connect');
    if (rule.kind === 'expect' && last.kind === 'connect') missing('send');
    if (rule.kind === 'connect' && last.kind !== 'expect') missing('expect');
  }
  const [first] = rules;
  if (rule.kind === 'http-send' && isImplicit(first)) {
    rules.shift();
    rules.push({ ...overwrite(first, rule), implicit: false, index: rule.index });
  } else rules.push(rule);
}

const nameOf = ({ kind }: HttpRule): string => (kind === 'http-send' ? 'send' : kind);

/** `next` wins where it says something; its fields always. */
function overwrite(base: HttpSend, next: HttpSend): HttpSend {
  return {
    ...base,
    comment: next.comment ?? base.comment,
    method: next.method ?? base.method,
    uri: next.uri ?? base.uri,
    version: next.version ?? base.version,
    fields: next.fields.length > 0 || !next.implicit ? next.fields : base.fields,
    body: next.body ?? base.body,
  };
}

function cut(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
