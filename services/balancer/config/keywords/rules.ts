import { compileCriterion } from '../../rules/acl.ts';
import { isReserved } from '../../rules/condition.ts';
import { conditionOf, formatterOf, type RuleContext } from '../../rules/context.ts';
import { HTTP_ACTIONS, type Phase } from '../../rules/http-actions.ts';
import type { HttpAction } from '../../rules/model.ts';
import type { Place } from '../../rules/place.ts';
import { parseRedirect } from '../../rules/redirect.ts';
import { TCP_ACTIONS, type TcpPhase } from '../../rules/tcp-actions.ts';
import { Words } from '../../rules/words.ts';
import { ExpressionError } from '../../samples/fetch.ts';
import { describeProxy, type ProxyDraft } from '../draft.ts';
import { describeDurationError, parseDuration } from '../duration.ts';
import { type Context, suggestion } from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { ruleContext } from '../rule-context.ts';
import { placeRule, reachRule } from '../rule-order.ts';

/** Actions that HAProxy has and rules here have not, so that they are called by their name. */
const FOREIGN_ACTIONS =
  /^(disable-l7-retry|early-hint|lua|ot-group|send-spoe-group|set-bandwidth-limit|set-mark|set-nice|set-priority|set-tos|switch-mode|wait-for-body|wait-for-handshake|expect-netscaler|set-dst$)/;

const wordsOf = (statement: Statement): string[] => statement.tokens.map((token) => token.text);

/** Runs what may throw an ExpressionError and reports it with `before` in front. */
function reporting(statement: Statement, context: Context, before: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    context.problems.alert(statement.position, `${before}${error.message.replace(/\.?$/, '.')}`);
  }
}

/** `acl <name> <criterion> [flags] [operator] <value>…`. */
export function parseAcl(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { problems } = context;
  if (isAnonymousDefaults('acl', draft, statement, context)) return;
  const name = statement.word(1);
  if (name === '') {
    problems.alert(statement.position, "'acl' expects a name and a criterion.");
    return;
  }
  const bad = /[^A-Za-z0-9_:.-]/.exec(name)?.[0];
  if (bad !== undefined) {
    problems.alert(statement.at(1), `character '${bad}' is not permitted in acl name '${name}'.`);
    return;
  }
  if (name.toLowerCase() === 'or') {
    problems.alert(
      statement.at(1),
      `acl name '${name}' will never match. 'or' is used to express a disjunction within a condition.`,
    );
    return;
  }
  if (isReserved(name)) draft.rules.acls.delete(name);
  reporting(statement, context, `error detected while parsing ACL '${name}' : `, () => {
    const { environment, warn } = contextOf(draft, statement, context, 'request', 'acl');
    const criterion = compileCriterion(wordsOf(statement).slice(2), environment, warn);
    const known = draft.rules.acls.get(name);
    if (known) known.push(criterion);
    else draft.rules.acls.set(name, [criterion]);
  });
}

function contextOf(
  draft: ProxyDraft,
  statement: Statement,
  context: Context,
  place: Place,
  where: string,
): RuleContext {
  return ruleContext(draft, { ...statement.position, column: 0 }, context, place, where);
}

const HTTP_LISTS = {
  'http-request': ['request', 'request', 'http-request header rule', 'request'],
  'http-response': ['response', 'response', 'http-response header rule', 'response'],
  'http-after-response': [
    'after-response',
    'response',
    'http-after-response header rule',
    'afterResponse',
  ],
} as const satisfies Record<string, readonly [Phase, Place, string, string]>;

/** `http-request`, `http-response` and `http-after-response`. */
export const parseHttpRule =
  (keyword: keyof typeof HTTP_LISTS) =>
  (draft: ProxyDraft, statement: Statement, context: Context): void => {
    if (isAnonymousDefaults(keyword, draft, statement, context)) return;
    const [phase, place, where, list] = HTTP_LISTS[keyword];
    const { name, argument } = split(statement.word(1));
    const row = Object.hasOwn(HTTP_ACTIONS, name) ? HTTP_ACTIONS[name] : undefined;
    if (!row?.phases.includes(phase)) {
      const names = Object.entries(HTTP_ACTIONS).flatMap(([known, each]) =>
        each.phases.includes(phase) ? [known] : [],
      );
      unknownAction(keyword, names, statement, context);
      return;
    }
    const what = `${keyword} ${name}`;
    const rule = contextOf(draft, statement, context, place, where);
    const words = new Words(wordsOf(statement), 2);
    let action: HttpAction | undefined;
    reporting(statement, context, actionFault(draft, what), () => {
      action = row.parse(words, rule, argument, phase);
    });
    if (!action) return;
    const parsed = action;
    reporting(statement, context, conditionFault(what), () => {
      const when = conditionOf(words, rule, what);
      const about = { kind: parsed.kind, name, conditional: when !== undefined };
      reachRule(keyword, about, draft, statement, context);
      if (phase === 'request') placeRule('request', draft, statement, context);
      draft.rules[list].push({ ...origin(statement), when, action: parsed });
    });
  };

/** Where a rule comes from. */
const origin = (statement: Statement) => ({
  text: wordsOf(statement).join(' '),
  position: statement.position,
});

const actionFault = (draft: ProxyDraft, what: string): string =>
  `error detected in ${describeProxy(draft)} while parsing '${what}' rule : `;
const conditionFault = (what: string): string =>
  `error detected while parsing an '${what}' condition : `;

/** `set-var(txn.x)` → name and argument. */
function split(word: string): { name: string; argument: string } {
  const found = /^([^(]*)\((.*)\)$/s.exec(word);
  return found ? { name: found[1]!, argument: found[2]! } : { name: word, argument: '' };
}

function unknownAction(
  keyword: string,
  names: readonly string[],
  statement: Statement,
  context: Context,
): void {
  const word =
    statement.word(1).replace(/ .*/, '') === keyword ? statement.word(2) : statement.word(1);
  const { name } = split(word);
  const known = names.map((each) => `'${each}'`).join(', ');
  const message = FOREIGN_ACTIONS.test(name)
    ? `unsupported action '${name}' of '${keyword}': HAProxy has it, this balancer does not.`
    : `'${keyword}' expects ${known}, but got '${word}'${suggestion(name, names)}.`;
  context.problems.alert(statement.at(1), message);
}

function isAnonymousDefaults(
  keyword: string,
  draft: ProxyDraft,
  statement: Statement,
  context: Context,
): boolean {
  if (draft.section !== 'defaults' || draft.name !== '') return false;
  context.problems.alert(
    statement.position,
    `'${keyword}' not allowed in anonymous 'defaults' section.`,
  );
  return true;
}

/** `redirect …`, the older way to write `http-request redirect`. */
export function parseRedirectLine(draft: ProxyDraft, statement: Statement, context: Context): void {
  const rule = contextOf(draft, statement, context, 'request', 'http-request header rule');
  const words = new Words(wordsOf(statement), 1);
  reporting(statement, context, actionFault(draft, 'redirect'), () => {
    const reply = parseRedirect(words, rule);
    const when = conditionOf(words, rule, 'redirect');
    placeRule('redirect', draft, statement, context);
    draft.rules.redirects.push({ ...origin(statement), when, action: { kind: 'return', reply } });
  });
}

/** `use_backend <name> [if …]` and `use-server <name> [if …]`. */
export const parseUse =
  (keyword: 'use_backend' | 'use-server') =>
  (draft: ProxyDraft, statement: Statement, context: Context): void => {
    const name = statement.word(1);
    if (name === '') {
      context.problems.alert(
        statement.position,
        `'${keyword}' expects a ${keyword === 'use_backend' ? 'backend' : 'server'} name.`,
      );
      return;
    }
    const rule = contextOf(draft, statement, context, 'request', 'switching rule');
    const words = new Words(wordsOf(statement), 2);
    if (keyword === 'use-server' && words.done) {
      context.problems.alert(
        statement.at(1),
        `'${keyword}' expects either 'if' or 'unless' followed by a condition.`,
      );
      return;
    }
    reporting(statement, context, `error detected while parsing switching rule : `, () => {
      const dynamic = name.includes('%');
      if (!dynamic) draft.rules.references.push({ kind: keyword, name, position: statement.at(1) });
      const action = dynamic ? formatterOf(name, rule) : name;
      const when = conditionOf(words, rule, keyword);
      placeRule(keyword, draft, statement, context);
      const list = keyword === 'use_backend' ? draft.rules.useBackend : draft.rules.useServer;
      list.push({ ...origin(statement), when, action });
    });
  };

const TCP_LISTS = {
  connection: ['tcp-connection', 'tcp-request connection rule', 'tcpConnection'],
  session: ['tcp-connection', 'tcp-request session rule', 'tcpSession'],
  content: ['tcp-content', 'tcp-request content rule', 'tcpContent'],
  response: ['tcp-response', 'tcp-response content rule', 'tcpResponse'],
} as const satisfies Record<TcpPhase, readonly [Place, string, string]>;

const isRequestPhase = (kind: string): kind is TcpPhase =>
  kind !== 'response' && Object.hasOwn(TCP_LISTS, kind);

/** `tcp-request inspect-delay | connection | session | content`. */
export function parseTcpRule(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { problems } = context;
  if (isAnonymousDefaults('tcp-request', draft, statement, context)) return;
  const kind = statement.word(1);
  if (kind === 'inspect-delay') {
    const delay = inspectDelay('tcp-request', statement, context);
    if (delay !== undefined) draft.rules.inspectDelay = delay;
    return;
  }
  if (!isRequestPhase(kind)) {
    const message = `'tcp-request' expects 'inspect-delay', 'connection', 'session' or 'content' (got '${kind}').`;
    problems.alert(statement.at(1), message);
    return;
  }
  if (kind !== 'content' && draft.section === 'backend') {
    const message = `tcp-request ${kind} is not allowed because backend ${draft.name} is not a frontend`;
    problems.alert(statement.at(1), message);
    return;
  }
  parseTcpAction(kind, `tcp-request ${kind}`, draft, statement, context);
}

/** `tcp-response inspect-delay | content`. */
export function parseTcpResponse(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { problems } = context;
  if (isAnonymousDefaults('tcp-response', draft, statement, context)) return;
  const kind = statement.word(1);
  if (kind !== 'inspect-delay' && kind !== 'content') {
    const message = `'tcp-response' expects 'inspect-delay' or 'content' (got '${kind}').`;
    problems.alert(statement.at(1), message);
  } else if (draft.section === 'frontend') {
    const message = `tcp-response ${kind} is only allowed in 'backend' sections or 'defaults' section with a name`;
    problems.alert(statement.at(1), message);
  } else if (kind === 'content') {
    parseTcpAction('response', 'tcp-response content', draft, statement, context);
  } else {
    const delay = inspectDelay('tcp-response', statement, context);
    if (delay !== undefined) draft.rules.responseDelay = delay;
  }
}

function parseTcpAction(
  kind: TcpPhase,
  what: string,
  draft: ProxyDraft,
  statement: Statement,
  context: Context,
): void {
  const [place, where, list] = TCP_LISTS[kind];
  const { name, argument } = split(statement.word(2));
  const rule = contextOf(draft, statement, context, place, where);
  const row = Object.hasOwn(TCP_ACTIONS, name) ? TCP_ACTIONS[name] : undefined;
  if (!row?.phases.includes(kind)) {
    context.problems.alert(statement.at(2), unknownTcpAction(what, kind, name, draft));
    return;
  }
  const words = new Words(wordsOf(statement), 3);
  reporting(statement, context, actionFault(draft, `${what} ${name}`), () => {
    const action = row.parse(words, rule, argument);
    const when = conditionOf(words, rule, `${what} ${name}`);
    if (kind !== 'response') placeRule(kind, draft, statement, context);
    draft.rules[list].push({ ...origin(statement), when, action });
  });
}

function unknownTcpAction(what: string, kind: TcpPhase, name: string, draft: ProxyDraft): string {
  if (FOREIGN_ACTIONS.test(name) || name === 'expect-proxy') {
    return `unsupported action '${name}' of '${what}': HAProxy has it, this balancer does not.`;
  }
  const known = Object.entries(TCP_ACTIONS).flatMap(([each, { phases }]) =>
    phases.includes(kind) ? [`'${each}'`] : [],
  );
  return `'${what}' expects ${known.join(', ')} in ${describeProxy(draft)} (got '${name}').`;
}

function inspectDelay(
  keyword: string,
  statement: Statement,
  { problems }: Context,
): number | undefined {
  const text = statement.word(2);
  const parsed = parseDuration(text);
  if (!parsed.error) return parsed.value;
  const message = describeDurationError(parsed.error, text, `'${keyword} inspect-delay'`);
  problems.alert(statement.at(2), message);
  return undefined;
}

/** `monitor fail { if | unless } <condition>`. */
export function parseMonitor(draft: ProxyDraft, statement: Statement, context: Context): void {
  if (statement.word(1) !== 'fail' || !/^(if|unless)$/.test(statement.word(2))) {
    const message =
      statement.word(1) === 'fail'
        ? "'monitor fail' expects either 'if' or 'unless' followed by a condition."
        : "'monitor' only supports 'fail'.";
    context.problems.alert(statement.at(1), message);
    return;
  }
  const rule = contextOf(draft, statement, context, 'request', 'monitor rule');
  reporting(
    statement,
    context,
    "error detected while parsing a 'monitor fail' condition : ",
    () => {
      const when = conditionOf(new Words(wordsOf(statement), 2), rule, 'monitor fail');
      placeRule('monitor', draft, statement, context);
      if (when) draft.rules.monitorFail.push(when);
    },
  );
}
