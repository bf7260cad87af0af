import { setByExpression, setByFormat } from '../../rules/process-variable.ts';
import { asText } from '../../samples/cast.ts';
import { type CompileEnvironment, ExpressionError } from '../../samples/fetch.ts';
import { PROCESS_VARIABLES, parseVariable } from '../../samples/variables.ts';
import type { Call, CommandTable } from '../command.ts';
import { bareFailure, failure, info, NOTHING, type Reply } from '../reply.ts';

const MISSING = failure('Missing process-wide variable identifier.');

const ENVIRONMENT: CompileEnvironment = { variable: (name) => process.env[name] };

function get({ word }: Call): Reply {
  const written = word(0);
  if (written === '') return MISSING;
  const name = parseVariable(written);
  const value =
    'error' in name || name.scope !== 'proc' ? undefined : PROCESS_VARIABLES.get(name.name);
  if (!value) return failure('Variable not found.');
  const content = asText(value);
  const shown = content === undefined ? '(undisplayable)' : `<${content.replace(/[^ -~]/g, '.')}>`;
  const text = `${written}: type=${value.type} value=${shown}`;
  // Without a line feed of its own (HAProxy).
  return { ...info(text), text };
}

function set({ words }: Call): Reply {
  const [written = '', second = '', third = ''] = words;
  if (written === '') return MISSING;
  if (second === '') return failure("Missing either 'expr', 'fmt' or expression.");
  if (third !== '' && second !== 'fmt' && second !== 'expr') {
    return bareFailure(`'set var': arg type must be either 'expr' or 'fmt' but got '${second}'.`);
  }
  const name = parseVariable(written);
  if ('error' in name) return failure(`'set var': ${name.error}`);
  if (name.scope !== 'proc') {
    return failure(
      `'set var': cannot set variable '${written}', only scope 'proc' is permitted here.`,
    );
  }
  try {
    if (second === 'fmt') setByFormat(name.name, third, ENVIRONMENT);
    else setByExpression(name.name, third === '' ? second : third, ENVIRONMENT);
    return NOTHING;
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return failure(`'set var': ${error.message}`);
  }
}

/** Variables of the process (management guide, section 9.3). */
export const VARIABLE_COMMANDS: CommandTable = [
  {
    name: 'get var',
    usage: 'get var <name>',
    summary: 'retrieve contents of a process-wide variable',
    level: 'operator',
    run: get,
  },
  {
    name: 'set var',
    workers: 'each',
    usage: 'set var <name> [fmt|expr] {<fmt>|<expr>}',
    summary: 'set variable from an expression or a format',
    level: 'operator',
    run: set,
  },
];
