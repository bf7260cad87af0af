import { LEVELS } from '../log/record.ts';
import { asText } from '../samples/cast.ts';
import { ExpressionError } from '../samples/fetch.ts';
import { expressionOf } from './context.ts';
import type { HttpActionRow } from './http-actions.ts';
import { durationOf } from './time.ts';

/** Actions that change limits and logging of one request, or wait. */
export const LIMIT_ACTIONS: Readonly<Record<string, HttpActionRow>> = {
  'set-log-level': {
    usage: '<level>',
    summary: 'level of the log line; `silent` = none',
    phases: ['request', 'response'],
    parse: (words) => {
      const level = words.need('expects exactly 1 argument (log level name or silent)');
      if (level !== 'silent' && !(LEVELS as readonly string[]).includes(level)) {
        throw new ExpressionError('expects exactly 1 argument (log level name or silent)');
      }
      return { kind: 'run', run: (scope) => scope.setLogLevel(level) };
    },
  },
  'set-timeout': {
    usage: '{ server | tunnel } { <timeout> | <expr> }',
    summary: 'another timeout for this request',
    phases: ['request'],
    parse: (words, context) => {
      const which = words.need("expects 'server' or 'tunnel'");
      if (which !== 'server' && which !== 'tunnel')
        throw new ExpressionError("'set-timeout' rule supports 'server'/'tunnel'");
      const text = words.takeExpression();
      const fixed = /^\d/.test(text) ? durationOf(text) : undefined;
      const expression = fixed === undefined ? expressionOf(text, context) : undefined;
      return {
        kind: 'run',
        run: (scope) => {
          const sample = expression?.evaluate(scope);
          const value = fixed ?? Number(sample ? asText(sample) : Number.NaN);
          if (value > 0) scope.setTimeout(which, value);
        },
      };
    },
  },
  'wait-for-body': {
    usage: 'time <time> [ at-least <bytes> ]',
    summary: 'waits until so much of the body is here',
    phases: ['request'],
    parse: (words) => {
      if (words.take() !== 'time') throw new ExpressionError("missing argument 'time'");
      const limit = durationOf(words.need('missing argument <time>'));
      let atLeast = 0;
      if (words.next === 'at-least') {
        words.take();
        const text = words.need("'at-least' expects a size");
        if (!/^\d+[kK]?$/.test(text)) throw new ExpressionError(`invalid size '${text}'`);
        atLeast = Number.parseInt(text, 10) * (/k$/i.test(text) ? 1024 : 1);
      }
      return { kind: 'wait-for-body', limit, atLeast };
    },
  },
};
