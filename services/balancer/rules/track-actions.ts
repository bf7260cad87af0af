import { cast, isCastable } from '../samples/cast.ts';
import { ExpressionError, integerOf } from '../samples/fetch.ts';
import { increment, tableFinder } from '../samples/fetches/table.ts';
import { keyOf } from '../stickiness/table/key.ts';
import { countOne, TRACKERS, trackedBy } from '../stickiness/table/trackers.ts';
import { expressionOf } from './context.ts';
import type { HttpActionRow } from './http-actions.ts';
import type { RuleScope } from './model.ts';

const trackAction = (index: number): HttpActionRow => ({
  usage: '<key> [table <table>]',
  summary: 'counts in the entry of the key from here on',
  phases: ['request', 'response'],
  parse: (words, context) => {
    if (words.atCondition) throw new ExpressionError('missing fetch method');
    const expression = expressionOf(words.takeExpression(), context);
    if (!isCastable(expression.out, 'str')) throw new ExpressionError('unusable as a key');
    let name = '';
    if (words.next === 'table') {
      words.take();
      name = words.need("missing table name after 'table'");
    }
    const find = tableFinder(name, context.environment);
    const early = context.place === 'tcp-connection';
    return {
      kind: 'run',
      run: (scope: RuleScope) => {
        const table = find(scope);
        if (!table || (!early && scope.trackers?.get(index))) return;
        const sample = expression.evaluate(scope);
        const key = sample && keyOf(table.config, sample);
        if (key === undefined) return;
        const trackers = scope.track(early);
        // The request that brings it into being has been counted already, without it.
        if (!trackers.track(index, table, key) || early || !scope.request) return;
        countOne(trackers.get(index)!, 'http_req');
      },
    };
  },
});

/** `<ctr>` in parentheses, 0 where there are none. */
function counterOf(argument: string): number {
  if (argument === '') return 0;
  const index = Number(argument);
  if (!/^\d+$/.test(argument) || index >= TRACKERS) {
    throw new ExpressionError(
      `invalid stick table track ID. The max allowed ID is ${TRACKERS - 1}`,
    );
  }
  return index;
}

const incrementAction = (counter: 'gpc0' | 'gpc1'): HttpActionRow => ({
  usage: '(<sc-id>)',
  summary: 'counts one more in what is tracked',
  phases: ['request', 'response', 'after-response'],
  parse: (_words, _context, argument) => {
    const index = counterOf(argument);
    return {
      kind: 'run',
      run: (scope) => {
        const tracked = trackedBy(scope, index);
        if (tracked) increment(tracked, counter);
      },
    };
  },
});

/** `(<idx>,<sc-id>)`. */
function elementAndCounter(argument: string): [element: number, index: number] {
  const [element = '', index, ...more] = argument.split(',');
  if (index === undefined || more.length > 0) {
    throw new ExpressionError("missing or unexpected parameters, expects '(<idx>,<sc-id>)'");
  }
  return [integerOf(element.trim(), 'index', 0, 99), counterOf(index.trim())];
}

const incrementElementAction: HttpActionRow = {
  usage: '(<idx>,<sc-id>)',
  summary: 'counts one more in an element of what is tracked',
  phases: ['request', 'response', 'after-response'],
  parse: (_words, _context, argument) => {
    const [element, index] = elementAndCounter(argument);
    return {
      kind: 'run',
      run: (scope) => {
        const tracked = trackedBy(scope, index);
        if (tracked) increment(tracked, element);
      },
    };
  },
};

const tagAction = (array: boolean): HttpActionRow => ({
  usage: array ? '(<idx>,<sc-id>) { <int> | <expr> }' : '(<sc-id>) { <int> | <expr> }',
  summary: 'sets the tag of what is tracked',
  phases: ['request', 'response', 'after-response'],
  parse: (words, context, argument) => {
    const [element, index] = array ? elementAndCounter(argument) : [0, counterOf(argument)];
    const value = words.atCondition ? '0' : words.takeExpression();
    const number = /^\d+$/.test(value) ? Number(value) : undefined;
    const expression = number === undefined ? expressionOf(value, context) : undefined;
    return {
      kind: 'run',
      run: (scope) => {
        const tracked = trackedBy(scope, index);
        if (!tracked) return;
        const sample = expression?.evaluate(scope);
        const given = sample && cast(sample, 'sint')?.value;
        if (expression && given === undefined) return;
        const tag = number ?? Number(given);
        const { table, entry } = tracked;
        if (!array && table.has('gpt0')) table.set(entry, 'gpt0', tag);
        else table.set(entry, 'gpt', tag, element);
        table.touch(entry);
      },
    };
  },
});

/** Actions on stick-tables, of HTTP rules and of `tcp-request`: HAProxy 2.6 manual, section 4.2. */
export const TRACK_ACTIONS: Readonly<Record<string, HttpActionRow>> = {
  'track-sc0': trackAction(0),
  'track-sc1': trackAction(1),
  'track-sc2': trackAction(2),
  'sc-inc-gpc': incrementElementAction,
  'sc-inc-gpc0': incrementAction('gpc0'),
  'sc-inc-gpc1': incrementAction('gpc1'),
  'sc-set-gpt': tagAction(true),
  'sc-set-gpt0': tagAction(false),
};
