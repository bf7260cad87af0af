import { type CompileEnvironment, ExpressionError } from '../samples/fetch.ts';
import type { Scope } from '../samples/scope.ts';
import { type Criterion, compileCriterion } from './acl.ts';
import { isKnownAt, type Place } from './place.ts';

export type Condition = (scope: Scope) => boolean;

/** ACLs of a proxy by name; several lines of one name are alternatives. */
export type AclTable = Map<string, Criterion[]>;

/** ACLs that always exist: HAProxy 2.6 manual, section 7.4. */
const PREDEFINED: Readonly<Record<string, string>> = {
  TRUE: 'always_true',
  FALSE: 'always_false',
  LOCALHOST: 'src 127.0.0.1/8 ::1',
  HTTP: 'req.proto_http',
  'HTTP_1.0': 'req.ver 1.0',
  'HTTP_1.1': 'req.ver 1.1',
  'HTTP_2.0': 'req.ver 2.0',
  METH_CONNECT: 'method CONNECT',
  METH_DELETE: 'method DELETE',
  METH_GET: 'method GET HEAD',
  METH_HEAD: 'method HEAD',
  METH_OPTIONS: 'method OPTIONS',
  METH_POST: 'method POST',
  METH_PUT: 'method PUT',
  METH_TRACE: 'method TRACE',
  HTTP_URL_ABS: 'url_reg ^[^/:]*://',
  HTTP_URL_SLASH: 'url_beg /',
  HTTP_URL_STAR: 'url *',
  HTTP_CONTENT: 'req.hdr_val(content-length) gt 0',
  RDP_COOKIE: 'req.rdp_cookie_cnt gt 0',
  REQ_CONTENT: 'req.len gt 0',
  WAIT_END: 'wait_end',
};

export interface ConditionContext {
  readonly acls: AclTable;
  readonly environment: CompileEnvironment;
  readonly place: Place;
  /** `frontend http-request header rule`, for warnings. */
  readonly where: string;
  warn(message: string): void;
}

type Term = (scope: Scope) => boolean;

/**
 * Compiles the words behind `if` or `unless`: terms side by side must all hold, `or` and `||`
 * separate alternatives, `!` negates (manual, section 7.2). Throws ExpressionError.
 */
export function compileCondition(
  words: readonly string[],
  polarity: 'if' | 'unless',
  context: ConditionContext,
): Condition {
  const alternatives: Term[][] = [[]];
  let negated = false;
  for (let at = 0; at < words.length; at++) {
    let word = words[at]!;
    while (word.startsWith('!')) {
      negated = !negated;
      word = word.slice(1);
    }
    if (word === '') continue;
    if (word.toLowerCase() === 'or' || word === '||') {
      alternatives.push([]);
      negated = false;
      continue;
    }
    let term: Term;
    if (word === '{') {
      const end = words.indexOf('}', at);
      if (end < 0) throw new ExpressionError("missing closing '}' in condition");
      const criterion = compileCriterion(
        words.slice(at + 1, end),
        context.environment,
        context.warn,
      );
      term = anyCriterion([criterion], undefined, context);
      at = end;
    } else {
      term = anyCriterion(namedCriteria(word, context), word, context);
    }
    const positive = term;
    alternatives.at(-1)!.push(negated ? not(positive) : positive);
    negated = false;
  }
  if (words.length === 0) throw new ExpressionError(`missing condition after '${polarity}'`);
  return combine(alternatives, polarity === 'if');
}

/** What cannot be told yet is neither true nor false. */
const not =
  (term: Term): Term =>
  (scope) => {
    const before = scope.missing ?? false;
    scope.missing = false;
    if (term(scope)) {
      // It holds, whatever else may come.
      scope.missing = before;
      return false;
    }
    const unknown = scope.missing && !scope.final;
    scope.missing ||= before;
    return !unknown;
  };

function combine(alternatives: readonly Term[][], positive: boolean): Condition {
  const [only] = alternatives;
  const any: Condition =
    alternatives.length === 1 && only!.length === 1
      ? only![0]!
      : (scope) => alternatives.some((terms) => terms.every((term) => term(scope)));
  return positive ? any : not(any);
}

function namedCriteria(name: string, { acls, environment, warn }: ConditionContext): Criterion[] {
  const known = acls.get(name);
  if (known) return known;
  const predefined = Object.hasOwn(PREDEFINED, name) ? PREDEFINED[name] : undefined;
  if (predefined === undefined) throw new ExpressionError(`no such ACL : '${name}'`);
  const criteria = [compileCriterion(predefined.split(' '), environment, warn)];
  acls.set(name, criteria);
  return criteria;
}

function anyCriterion(
  criteria: readonly Criterion[],
  name: string | undefined,
  { place, where, warn }: ConditionContext,
): Term {
  const hidden = (source: Criterion['source']): boolean =>
    !isKnownAt(source, place) || (place === 'response' && source === 'message');
  for (const { source, keyword } of criteria) {
    if (!hidden(source)) continue;
    const subject = name === undefined ? 'anonymous acl' : `acl '${name}'`;
    warn(
      `${subject} will never match because it uses keyword '${keyword}' which is incompatible with '${where}'`,
    );
  }
  const usable = criteria.filter(({ source }) => !hidden(source));
  if (usable.length === 0) return () => false;
  if (usable.length === 1) return usable[0]!.test;
  return (scope) => usable.some((criterion) => criterion.test(scope));
}

export const isReserved = (name: string): boolean => Object.hasOwn(PREDEFINED, name);
