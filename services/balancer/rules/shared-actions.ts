import { asText } from '../samples/cast.ts';
import { ExpressionError, integerOf } from '../samples/fetch.ts';
import { str } from '../samples/sample.ts';
import { parseKeep } from '../samples/set-variable.ts';
import { parseVariable, type VariableName } from '../samples/variables.ts';
import { expressionOf, textOf } from './context.ts';
import type { HttpActionRow } from './http-actions.ts';

const ALL = ['request', 'response', 'after-response'] as const;

function variable(text: string): VariableName {
  const name = parseVariable(text);
  if ('error' in name) throw new ExpressionError(name.error);
  return name;
}

export const setVarAction: HttpActionRow = {
  usage: '(<var-name>[,<cond>]*) <expr>',
  summary: 'keeps a value in a variable',
  phases: ALL,
  parse: (words, context, argument) => {
    const keep = parseKeep(argument.split(','));
    if (words.atCondition) throw new ExpressionError('missing expression');
    const expression = expressionOf(words.takeExpression(), context);
    return {
      kind: 'run',
      run: (scope) => {
        const value = expression.evaluate(scope);
        if (value) keep(scope, value);
      },
    };
  },
};

export const setVarFormatAction: HttpActionRow = {
  usage: '(<var-name>[,<cond>]*) <fmt>',
  summary: 'keeps a text in a variable',
  phases: ALL,
  parse: (words, context, argument) => {
    const keep = parseKeep(argument.split(','));
    const value = textOf(words.need('missing format'), context);
    return { kind: 'run', run: (scope) => void keep(scope, str(value(scope))) };
  },
};

export const unsetVarAction: HttpActionRow = {
  usage: '(<var-name>)',
  summary: 'forgets a variable',
  phases: ALL,
  parse: (_words, _context, argument) => {
    const name = variable(argument);
    return { kind: 'run', run: (scope) => scope.setVariable(name, undefined) };
  },
};

export const setAddressAction = (
  which: 'source' | 'target',
  what: 'host' | 'port',
): HttpActionRow => ({
  usage: '<expr>',
  summary: `another ${what === 'host' ? 'address' : 'port'} for the ${which === 'source' ? 'client' : 'connection'}`,
  phases: ['request'],
  parse: (words, context) => {
    if (words.atCondition) throw new ExpressionError('missing expression');
    const expression = expressionOf(words.takeExpression(), context);
    return {
      kind: 'run',
      run: (scope) => {
        const value = expression.evaluate(scope);
        if (value) scope.setAddress(which, what, value);
      },
    };
  },
});

export const captureAction: HttpActionRow = {
  usage: '<sample> { len <length> | id <id> }',
  summary: 'keeps a value for the log',
  phases: ['request', 'response'],
  parse: (words, context, _argument, phase) => {
    const side = phase === 'request' ? 'request' : 'response';
    const expression = expressionOf(words.takeExpression(), context);
    const kind = words.take();
    const number = (): number => integerOf(words.need(`missing argument of '${kind}'`), kind, 0);
    let slot: number;
    let limit = Number.POSITIVE_INFINITY;
    if (kind === 'len' && side === 'request') {
      limit = number();
      if (limit === 0) throw new ExpressionError('a capture length must be greater than zero');
      slot = context.slots.declare(limit);
    } else if (kind === 'id') {
      slot = number();
      context.slots.require(side, slot);
    } else {
      throw new ExpressionError(side === 'request' ? "expects 'len' or 'id'" : "expects 'id'");
    }
    return {
      kind: 'run',
      run: (scope) => {
        const value = expression.evaluate(scope);
        const text = value && asText(value);
        if (text === undefined) return;
        // The slot may be another proxy's, and has its own length.
        const { rules } = scope.frontend.config;
        const slots = side === 'request' ? rules?.requestCaptures : rules?.responseCaptures;
        scope.capture(side, slot, text.slice(0, Math.min(limit, slots?.[slot]?.length ?? limit)));
      },
    };
  },
};
