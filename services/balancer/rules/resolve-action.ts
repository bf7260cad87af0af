import { isIP } from 'node:net';
import type { ResolversConfig } from '../resolvers/config.ts';
import { type Names, namesOf } from '../resolvers/names.ts';
import { asText } from '../samples/cast.ts';
import { ExpressionError } from '../samples/fetch.ts';
import { parseIp } from '../samples/ip.ts';
import { address } from '../samples/sample.ts';
import { parseVariable } from '../samples/variables.ts';
import { expressionOf } from './context.ts';
import type { HttpActionRow } from './http-actions.ts';

const USAGE = 'do-resolve(<varname>,<resolvers>[,<options>]) <expr>';

/** Longest name (RFC 1035, 2.3.4), and what it may be made of. */
const NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?$/;
const MAX_NAME = 255;

/** An address is none: HAProxy asks for it and learns that there is no such name. */
const isName = (text: string): boolean =>
  text.length <= MAX_NAME && NAME.test(text) && isIP(text) === 0;

/** `do-resolve`: HAProxy 2.6 manual, section 4.2. A rule that waits for a name server. */
export const resolveAction: HttpActionRow = {
  usage: '(<var-name>,<resolvers>[,{ ipv4 | ipv6 }]) <expr>',
  summary: 'looks a name up and keeps its address in a variable',
  phases: ['request'],
  parse: (words, context, argument) => {
    const parts = argument.split(',').map((part) => part.trim());
    const [name = '', resolvers = '', ...options] = parts;
    const fault = `Can't parse 'do-resolve(${argument})'. Expects '${USAGE}'. Available options are 'ipv4' and 'ipv6'`;
    if (name === '' || resolvers === '' || words.atCondition) throw new ExpressionError(fault);
    if (options.some((option) => option !== 'ipv4' && option !== 'ipv6')) {
      throw new ExpressionError(fault);
    }
    const variable = parseVariable(name);
    if ('error' in variable) throw new ExpressionError(variable.error);
    const prefer = options.at(-1) === 'ipv4' ? 4 : 6;
    const expression = expressionOf(words.takeExpression(), context);
    const section = context.resolvers(resolvers, 'do-resolve action');
    const names = onceKnown(section);
    return {
      kind: 'await',
      begin: (scope, done) => {
        const sample = expression.evaluate(scope);
        const asked = sample && asText(sample);
        if (asked === undefined || !isName(asked)) return undefined;
        const keep = (found: string | undefined): void => {
          const bytes = found === undefined ? undefined : parseIp(found);
          if (bytes) scope.setVariable(variable, address(bytes));
        };
        const known = names().known(asked, prefer);
        if (known !== undefined) {
          keep(known);
          return undefined;
        }
        return names().ask(asked, prefer, (found) => {
          keep(found);
          done();
        });
      },
    };
  },
};

/** The section may come later in the file; it is there once something asks. */
function onceKnown(section: () => ResolversConfig): () => Names {
  let names: Names | undefined;
  return () => {
    names ??= namesOf(section());
    return names;
  };
}
