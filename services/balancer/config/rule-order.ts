import type { HttpAction } from '../rules/model.ts';
import type { ProxyDraft } from './draft.ts';
import type { Context } from './keyword.ts';
import type { Statement } from './lexer.ts';

/** Kinds of rules in the order in which they are gone through, with HAProxy's names for them. */
const ORDER = {
  connection: ['tcp-request', "a 'tcp-request connection'"],
  session: ['tcp-request', "a 'tcp-request session'"],
  content: ['tcp-request', "a 'tcp-request content'"],
  monitor: ['monitor fail', "a 'monitor fail'"],
  request: ['http-request', "an 'http-request'"],
  redirect: ['redirect', "a 'redirect'"],
  use_backend: ['use_backend', "a 'use_backend'"],
  'use-server': ['use-server', "a 'use-server'"],
} as const;
export type RuleKind = keyof typeof ORDER;
const KINDS = Object.keys(ORDER) as RuleKind[];

/** Warns of a rule that comes earlier than where it stands, and remembers that it stands there. */
export function placeRule(
  kind: RuleKind,
  { rules }: ProxyDraft,
  { position }: Statement,
  { problems }: Context,
): void {
  const later = KINDS.slice(KINDS.indexOf(kind) + 1).find((other) => rules.placed.has(other));
  rules.placed.add(kind);
  if (!later) return;
  const [[name], [, other]] = [ORDER[kind], ORDER[later]];
  const message = `a '${name}' rule placed after ${other} rule will still be processed before.`;
  problems.warn(position, message);
}

/** No rule behind one of these is reached where it has no condition. */
const FINAL: ReadonlySet<HttpAction['kind']> = new Set(['allow', 'deny', 'tarpit', 'return']);

/** Warns of an HTTP rule that nothing reaches; `name` is that of its action. */
export function reachRule(
  keyword: string,
  { kind, name, conditional }: { kind: HttpAction['kind']; name: string; conditional: boolean },
  { rules }: ProxyDraft,
  { position }: Statement,
  { problems }: Context,
): void {
  if (rules.closed.has(keyword)) {
    const message = `previous '${keyword}' action is final and has no condition attached, further entries are NOOP.`;
    problems.warn(position, message);
  }
  // It only answers where the target is broken.
  const final = FINAL.has(kind) && name !== 'normalize-uri' && !conditional;
  if (final) rules.closed.add(keyword);
  else rules.closed.delete(keyword);
}
