import {
  type CheckStep,
  hexText,
  parseHexBytes,
  type SetStep,
  sendStep,
} from '../../checks/steps.ts';
import { ownRules, type TcpRule } from '../check-settings.ts';
import type { ProxyDraft } from '../draft.ts';
import type { Context } from '../keyword.ts';
import { suggestion } from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { parseConnect } from './check-connect.ts';
import { parseExpect } from './check-expect.ts';
import { compileCheckText, compileFetch } from './check-text.ts';
import { StepArguments, StepFault } from './step-arguments.ts';

const ACTIONS = ['comment', 'connect', 'expect', 'send', 'send-lf', 'send-binary'].concat([
  'send-binary-lf',
  'set-var',
  'unset-var',
]);

/** `tcp-check <action> …`: manual, section 4.2. */
export function parseTcpCheck(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { check } = draft.settings;
  const action = statement.word(1);
  withFaults('tcp-check', statement, context, () => {
    const words: StepArguments = new StepArguments(statement, 2, context);
    const rules = ownRules(check.tcp);
    const rule = parseRule(action, words, rules);
    if (!rule) {
      words.at = 1;
      const known =
        "'comment', 'connect', 'send', 'send-lf', 'send-binary', 'send-binary-lf', 'expect', 'set-var', 'set-var-fmt', 'unset-var'";
      words.fail(`only supports ${known}. but got '${action}'${suggestion(action, ACTIONS)}`);
    }
    rules.push({ ...rule, index: (rules.at(-1)?.index ?? -1) + 1 });
  });
}

function parseRule(
  action: string,
  words: StepArguments,
  rules: readonly TcpRule[],
): TcpRule | undefined {
  switch (action) {
    case 'comment':
      return { kind: 'comment', index: 0, comment: commentOf(words) };
    case 'connect':
      assertConnectFirst(rules, words);
      return parseConnect(words);
    case 'expect':
      return parseExpect(words, 'tcp');
    case 'send':
    case 'send-lf':
    case 'send-binary':
    case 'send-binary-lf':
      return parseSend(action, words);
    default:
      return parseSet(action, words);
  }
}

/** Where there is a `connect`, it comes before all that needs a connection. */
export function assertConnectFirst(
  rules: readonly { kind: string; implicit?: boolean }[],
  words: StepArguments,
): void {
  for (const { kind, implicit } of rules) {
    if (kind === 'connect') return;
    if (kind === 'comment' || kind === 'set' || implicit === true) continue;
    words.fail(
      "first step MUST also be a 'connect', optionally preceded by a 'set-var', an 'unset-var' or a 'comment', when there is a 'connect' step in the tcp-check ruleset.",
    );
  }
}

export function commentOf(words: StepArguments): string {
  if (words.done) words.fail('expects a string as argument.');
  return words.word;
}

function parseSend(action: string, words: StepArguments): CheckStep {
  const binary = action.startsWith('send-binary');
  const text = words.word;
  if (text === '') {
    words.fail(
      `'${action}' expects a ${action === 'send-binary' ? 'binary string' : 'string'} as argument.`,
    );
  }
  const data = action.endsWith('-lf') ? words.compile(text) : dataOf(text, binary, words);
  const step = sendStep(typeof data === 'function' && binary ? hexText(data) : data);
  for (words.at += 1; !words.done; words.at += 1) {
    if (words.word !== 'comment') {
      words.fail(`expects 'comment' but got '${words.word}' as argument.`);
    }
    step.comment = words.value();
  }
  return step;
}

function dataOf(text: string, binary: boolean, words: StepArguments): Buffer {
  if (!binary) return Buffer.from(text);
  return parseHexBytes(text) ?? words.fail(`'${text}' invalid binary string.`);
}

/** `set-var(check.x) <expr>`, `set-var-fmt(check.x) <fmt>` and `unset-var(check.x)`. */
export function parseSet(action: string, words: StepArguments): SetStep | undefined {
  const found = /^(set-var|set-var-fmt|unset-var)\(([^)]*)\)$/.exec(action);
  if (!found) return undefined;
  const [, kind, name = ''] = found;
  if (!/^(check|sess)\.[\w.-]+$/.test(name)) {
    words.fail(
      `'${kind}' : a variable of a check is 'check.<name>' or 'sess.<name>', '${name}' is none.`,
    );
  }
  const step: SetStep = { kind: 'set', index: 0, comment: undefined, name, value: undefined };
  if (kind === 'unset-var') return step;
  const text = words.word;
  if (text === '') words.fail(`'${kind}' expects an expression as argument.`);
  const made = kind === 'set-var' ? compileFetch(text) : compileCheckText(text);
  if (typeof made !== 'function') return words.fail(`'${kind}' : ${made.error}.`);
  return { ...step, value: made };
}

/** Runs `parse` and reports the fault that it throws. */
export function withFaults(
  keyword: string,
  statement: Statement,
  { problems }: Context,
  parse: () => void,
): void {
  try {
    parse();
  } catch (error) {
    if (!(error instanceof StepFault)) throw error;
    const action = error.index === 1 ? '' : ` ${statement.word(1)}`;
    const separator = error.index === 1 ? '' : ' :';
    const message = `'${keyword}${action}'${separator} ${error.message}`;
    problems.alert(statement.at(error.index), message);
  }
}
