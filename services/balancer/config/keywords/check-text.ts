import type { CheckText } from '../../checks/steps.ts';
import { listOf, occurrence } from '../../samples/fetches/http-names.ts';

/** Variables of a log-format that a check knows (manual, section 8.2.4). */
const VARIABLES: Readonly<Record<string, CheckText>> = {
  b: ({ subject }) => subject.backend,
  s: ({ subject }) => subject.server,
};

/** Fetches that a check knows (manual, section 7.3), those of its variables apart. */
const FETCHES: Readonly<Record<string, CheckText>> = {
  be_name: ({ subject }) => subject.backend,
  srv_name: ({ subject }) => subject.server,
  'res.len': ({ input }) => String(input.length),
  'res.body': ({ response }) => response?.body ?? '',
  'res.body_len': ({ response }) => String(response?.body.length ?? 0),
  status: ({ response }) => (response ? String(response.status) : ''),
};

/**
 * Compiles a text of a check: plain characters, `%%`, and `%[…]` with what is known while a check
 * runs. The error says what is not.
 */
export function compileCheckText(text: string): CheckText | { error: string } {
  const parts: (string | CheckText)[] = [];
  let at = 0;
  while (at < text.length) {
    const percent = text.indexOf('%', at);
    if (percent < 0) {
      parts.push(latin1(text.slice(at)));
      break;
    }
    if (percent > at) parts.push(latin1(text.slice(at, percent)));
    const next = text[percent + 1] ?? '';
    if (next === '%') {
      parts.push('%');
      at = percent + 2;
    } else if (next === '[') {
      const end = text.indexOf(']', percent);
      if (end < 0) return { error: `missing closing square bracket in '${text}'` };
      const part = compileFetch(text.slice(percent + 2, end));
      if (typeof part !== 'function') return part;
      parts.push(part);
      at = end + 1;
    } else {
      const variable = Object.hasOwn(VARIABLES, next) ? VARIABLES[next] : undefined;
      if (!variable) return { error: `no such format variable '%${next}' in a check` };
      parts.push(variable);
      at = percent + 2;
    }
  }
  if (parts.every((part) => typeof part === 'string')) {
    const fixed = parts.join('');
    return () => fixed;
  }
  return (scope) => {
    let made = '';
    for (const part of parts) made += typeof part === 'string' ? part : part(scope);
    return made;
  };
}

/** `name`, `str(x)`, `int(n)`, `var(check.x)` with the converters `hex`, `upper` and `lower`. */
export function compileFetch(expression: string): CheckText | { error: string } {
  const [fetch = '', ...converters] = expression.split(/,(?![^(]*\))/);
  const source = compileSource(fetch.trim());
  if (typeof source !== 'function') return source;
  let compiled: CheckText = source;
  for (const name of converters) {
    const convert = Object.hasOwn(CONVERTERS, name.trim()) ? CONVERTERS[name.trim()] : undefined;
    if (!convert) return { error: `unknown conv method '${name.trim()}' in a check` };
    const before = compiled;
    compiled = (scope) => convert(before(scope));
  }
  return compiled;
}

const CONVERTERS: Readonly<Record<string, (text: string) => string>> = {
  hex: (text) => Buffer.from(text, 'latin1').toString('hex').toUpperCase(),
  lower: (text) => text.toLowerCase(),
  upper: (text) => text.toUpperCase(),
};

function compileSource(fetch: string): CheckText | { error: string } {
  if (Object.hasOwn(FETCHES, fetch)) return FETCHES[fetch]!;
  const [, name = '', argument = ''] = /^([\w.]+)\((.*)\)$/s.exec(fetch) ?? [];
  switch (name) {
    case 'str': {
      const text = latin1(argument);
      return () => text;
    }
    case 'int':
      if (/^-?\d+$/.test(argument)) return () => argument;
      return { error: `invalid argument '${argument}' in 'int'` };
    case 'var':
      return ({ variables }) => String(variables.get(argument) ?? '');
    case 'res.hdr':
    case 'res.fhdr':
      return fieldOf(name === 'res.fhdr', argument);
    case 'res.payload': {
      const [offset, length, ...more] = argument.split(',').map(Number);
      if (
        offset === undefined ||
        length === undefined ||
        more.length > 0 ||
        !(offset + length >= 0)
      ) {
        return { error: `invalid arguments '${argument}' in 'res.payload'` };
      }
      return ({ input }) =>
        input.toString('latin1', offset, length === 0 ? input.length : offset + length);
    }
    default:
      return { error: `unknown fetch method '${fetch}' in a check` };
  }
}

/** `<name>[,<occurrence>]` of the response: a line's value as it is, or one between commas. */
function fieldOf(full: boolean, argument: string): CheckText | { error: string } {
  const [name = '', which = '-1', ...more] = argument.split(',').map((part) => part.trim());
  const at = Number(which);
  if (name === '' || more.length > 0 || !Number.isInteger(at) || at === 0) {
    return { error: `invalid arguments '${argument}'` };
  }
  const wanted = name.toLowerCase();
  return ({ response }) => {
    const lines = response?.fields.filter(([field]) => field === wanted) ?? [];
    const values = lines.map(([, value]) => value);
    return occurrence(full ? values : listOf(values), at) ?? '';
  };
}

const latin1 = (text: string): string => Buffer.from(text).toString('latin1');
