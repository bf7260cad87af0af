import type { HttpExpectation } from '../../model.ts';
import { type HttpCheckSettings, newHttpCheck, type ProxyDraft } from '../draft.ts';
import { type Context, onlyArguments, suggestion } from '../keyword.ts';
import type { Statement } from '../lexer.ts';

const ACTIONS = ['disable-on-404', 'expect', 'send'];
const FOREIGN_ACTIONS = ['comment', 'connect', 'send-state', 'unset-var'];
const FOREIGN_EXPECT = words('min-recv comment string-lf hdr fhdr ok-status error-status').concat(
  words('tout-status on-success on-error status-code'),
);
const FOREIGN_SEND = ['comment', 'uri-lf', 'body-lf'];

/** `option httpchk [<method>] <uri> [<version>]`: manual, section 4.2. */
export function setHttpCheck(draft: ProxyDraft, statement: Statement, context: Context): void {
  if (!onlyArguments(statement, 3, context, 2)) return;
  const { httpCheck } = draft.settings;
  httpCheck.enabled = true;
  const [first, second, third] = [statement.word(2), statement.word(3), statement.word(4)];
  if (first === '') return;
  const own = ownRules(draft);
  own.uri = second === '' ? first : second;
  if (second !== '') own.method = first;
  if (third === '') return;
  // Raw fields and a body may hang on the version: the way before `http-check send`.
  const [version, rest] = cut(third, '\r\n');
  own.version = version;
  if (rest === undefined) return;
  const message =
    "'option httpchk' : hiding headers or body at the end of the version string is deprecated. Please, consider to use 'http-check send' directive instead.";
  context.problems.warn(statement.at(4), message);
  const [head, body = ''] = cut(rest, '\r\n\r\n');
  own.body = body;
  own.fields = [];
  for (const line of head!.split(/\r?\n/)) {
    const [name, value] = cut(line, ':');
    if (value !== undefined) own.fields.push([name!, value.trim()]);
  }
}

/** `http-check disable-on-404 | send … | expect …`. */
export function parseHttpCheck(draft: ProxyDraft, statement: Statement, context: Context): void {
  const action = statement.word(1);
  switch (action) {
    case 'disable-on-404':
      if (onlyArguments(statement, 0, context, 2)) draft.settings.httpCheck.disableOn404 = true;
      return;
    case 'send':
      report(parseSend(draft, statement));
      return;
    case 'expect':
      report(parseExpect(draft, statement));
      return;
  }
  const message =
    FOREIGN_ACTIONS.includes(action) || /^(un)?set-var(-fmt)?\(/.test(action)
      ? `unsupported 'http-check ${action}': HAProxy has it, this balancer does not.`
      : `'http-check' only supports 'disable-on-404', 'send', 'expect' but got '${action}'${suggestion(action, ACTIONS)}`;
  context.problems.alert(statement.at(1), message);

  function report(fault: Fault | undefined): void {
    if (!fault) return;
    context.problems.alert(statement.at(fault.index), `'http-check ${action}' : ${fault.message}`);
  }
}

/** What is wrong, and with which word. */
interface Fault {
  index: number;
  message: string;
}

const fail = (index: number, message: string): Fault => ({ index, message });

function parseSend(draft: ProxyDraft, statement: Statement): Fault | undefined {
  const own = ownRules(draft);
  if (own.sent || own.expect.length > 0) {
    return fail(1, 'one request, in front of what is expected, is all that a check can have.');
  }
  own.sent = true;
  const fields: HttpCheckSettings['fields'] = [];
  for (let index = 2; index < statement.length; index++) {
    const name = statement.word(index);
    const value = statement.word(index + 1);
    if (name === 'hdr') {
      const text = statement.word(index + 2);
      if (value === '' || text === '') {
        return fail(index, "'hdr' expects <name> and <value> as arguments.");
      }
      fields.push([value, text]);
      index += 2;
      continue;
    }
    if (name !== 'meth' && name !== 'uri' && name !== 'ver' && name !== 'body') {
      const known = "'meth', 'uri', 'ver', 'hdr' or 'body'";
      return fail(
        index,
        FOREIGN_SEND.includes(name)
          ? `unsupported '${name}': HAProxy has it, this balancer does not.`
          : `expects ${known} but got '${name}' as argument.`,
      );
    }
    if (value === '') return fail(index, `'${name}' expects a string as argument.`);
    if (name === 'meth') own.method = value;
    else if (name === 'uri') own.uri = value;
    else if (name === 'ver') own.version = value;
    else own.body = value;
    index += 1;
  }
  if (fields.length > 0) own.fields = fields;
  return undefined;
}

function parseExpect(draft: ProxyDraft, statement: Statement): Fault | undefined {
  const own = ownRules(draft);
  if (statement.length === 2) return fail(2, 'expects at least a matching pattern as arguments.');
  let at = 2;
  let negated = false;
  if (statement.word(at).startsWith('!')) {
    negated = true;
    if (statement.word(at) === '!') at += 1;
  }
  const word = statement.word(at);
  const kind = word.startsWith('!') ? word.slice(1) : word;
  if (kind !== 'status' && kind !== 'rstatus' && kind !== 'string' && kind !== 'rstring') {
    return fail(
      at,
      FOREIGN_EXPECT.includes(kind)
        ? `unsupported '${kind}': HAProxy has it, this balancer does not.`
        : `only supports [!]string, [!]rstring, [!]status, [!]rstatus but got '${kind}' as argument.`,
    );
  }
  const pattern = statement.word(at + 1);
  if (pattern === '') return fail(at, `'${kind}' expects a <pattern> as argument.`);
  const extra = statement.tokens[at + 2];
  if (extra) return fail(at + 2, `unexpected argument '${extra.text}'; one pattern is expected.`);
  const made = expectation(kind, pattern, negated);
  if (typeof made === 'string') return fail(at + 1, made);
  own.expect.push(made);
  return undefined;
}

function expectation(
  kind: HttpExpectation['kind'],
  pattern: string,
  negated: boolean,
): HttpExpectation | string {
  const wire = Buffer.from(pattern).toString('latin1');
  if (kind === 'string') return { kind, negated, text: wire };
  if (kind !== 'status') {
    try {
      return { kind, negated, pattern: new RegExp(wire) };
    } catch (error) {
      return `regex '${pattern}' is invalid (${(error as Error).message}).`;
    }
  }
  const bad = /[^\d,-]/.exec(pattern)?.[0];
  if (bad !== undefined) return `invalid character '${bad}' in the list of status codes.`;
  const ranges: [number, number][] = [];
  for (const range of pattern.split(',')) {
    const found = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(range);
    const first = Number(found?.[1]);
    const last = Number(found?.[2] ?? found?.[1]);
    if (!found || last < first) return `invalid range of status codes '${range}'.`;
    ranges.push([first, last]);
  }
  return { kind, negated, ranges };
}

/** What this section sets replaces what its defaults section did. */
function ownRules(draft: ProxyDraft): HttpCheckSettings {
  const { settings } = draft;
  const { httpCheck } = settings;
  if (!httpCheck.inherited) return httpCheck;
  const { enabled, disableOn404 } = httpCheck;
  settings.httpCheck = { ...newHttpCheck(), enabled, disableOn404 };
  return settings.httpCheck;
}

function cut(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

function words(text: string): string[] {
  return text.split(' ');
}
