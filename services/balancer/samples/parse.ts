import { ExpressionError } from './fetch.ts';

/** One link of an expression: a fetch or a converter with its arguments. */
export interface Link {
  readonly name: string;
  readonly args: string[];
}

/**
 * Splits `name(arg,arg),name…` (manual, section 7.3 and 2.2): arguments may be quoted, and outside
 * of single quotes a backslash takes the meaning of the character behind it. Blanks around links
 * are ignored. Throws ExpressionError.
 */
export function parseChain(text: string): Link[] {
  const links: Link[] = [];
  let at = 0;
  const skipBlanks = (): void => {
    while (text[at] === ' ' || text[at] === '\t') at += 1;
  };
  for (;;) {
    skipBlanks();
    const start = at;
    while (at < text.length && !'(, \t)'.includes(text[at]!)) at += 1;
    const name = text.slice(start, at);
    let args: string[] = [];
    if (text[at] === '(') {
      const parsed = parseArguments(text, at + 1, name);
      args = parsed.args;
      at = parsed.end;
    }
    if (name === '' && (links.length === 0 || at < text.length)) {
      throw new ExpressionError(
        links.length === 0 ? 'missing fetch method' : 'missing converter name',
      );
    }
    if (name !== '') links.push({ name, args });
    skipBlanks();
    if (at >= text.length) return links;
    if (text[at] !== ',') {
      throw new ExpressionError(`missing comma after '${name}', got '${text.slice(at)}'`);
    }
    at += 1;
  }
}

function parseArguments(
  text: string,
  start: number,
  name: string,
): { args: string[]; end: number } {
  const args: string[] = [];
  let current = '';
  let quote = '';
  for (let at = start; at < text.length; at++) {
    const char = text[at]!;
    if (quote !== "'" && char === '\\' && at + 1 < text.length) {
      const next = text[at + 1]!;
      const known = ESCAPES[next];
      if (known !== undefined || '\\ "\'(),'.includes(next)) {
        current += known ?? next;
        at += 1;
      } else {
        current += char;
      }
    } else if (quote !== '' ? char === quote : char === '"' || char === "'") {
      quote = quote === '' ? char : '';
    } else if (quote === '' && char === ',') {
      args.push(current);
      current = '';
    } else if (quote === '' && char === ')') {
      args.push(current);
      return { args, end: at + 1 };
    } else {
      current += char;
    }
  }
  throw new ExpressionError(
    quote === ''
      ? `expected ')' before end of arguments of '${name}'`
      : `unmatched quote in arguments of '${name}'`,
  );
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
