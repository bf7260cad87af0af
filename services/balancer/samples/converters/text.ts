import { asText } from '../cast.ts';
import { type Converter, type ConverterTable, onText } from '../converter.ts';
import { ExpressionError, integerOf } from '../fetch.ts';
import { compileRegex, substitute } from '../regex.ts';
import { bin, int, optional, type Sample, str } from '../sample.ts';
import { parseVariable, type VariableName } from '../variables.ts';

const variable = (text: string): VariableName => {
  const name = parseVariable(text);
  if ('error' in name) throw new ExpressionError(name.error);
  return name;
};

/** Words or fields number `index` (from the end where negative), `count` of them, 0 = all. */
function parts(
  usage: string,
  summary: string,
  pick: (text: string, delimiters: string, index: number, count: number) => string | undefined,
): Converter {
  return {
    in: 'str',
    out: 'str',
    usage,
    args: [2, 3],
    summary,
    make: ([index = '', delimiters = '', count = '1']) => {
      const which = integerOf(index, 'index');
      const many = integerOf(count, 'count', 0);
      return (sample) => optional(pick(sample.value as string, delimiters, which, many), str);
    },
  };
}

/** The first and last of `count` parts (0 = all that there are) in the direction of the count. */
function spanOf(
  number: number,
  backwards: boolean,
  count: number,
  total: number,
): readonly [first: number, last: number] {
  const many = count === 0 ? total : count;
  return backwards
    ? [Math.max(1, number - many + 1), number]
    : [number, Math.min(total, number + many - 1)];
}

/** Fields between delimiters; two delimiters in a row have an empty one between them. */
export function fieldAt(text: string, delimiters: string, index: number, count: number) {
  const isDelimiter = (at: number): boolean => delimiters.includes(text[at]!);
  const starts = [0];
  for (let at = 0; at < text.length; at++) if (isDelimiter(at)) starts.push(at + 1);
  const total = starts.length;
  const number = index < 0 ? total + index + 1 : index;
  if (number < 1 || number > total) return undefined;
  const [first, last] = spanOf(number, index < 0, count, total);
  const end = last === total ? text.length : starts[last]! - 1;
  return text.slice(starts[first - 1], end);
}

/** Words between runs of delimiters. */
export function wordAt(text: string, delimiters: string, index: number, count: number) {
  const spans: [start: number, end: number][] = [];
  let start = -1;
  for (let at = 0; at <= text.length; at++) {
    const inside = at < text.length && !delimiters.includes(text[at]!);
    if (inside && start < 0) start = at;
    if (!inside && start >= 0) {
      spans.push([start, at]);
      start = -1;
    }
  }
  const total = spans.length;
  const number = index < 0 ? total + index + 1 : index;
  if (number < 1 || number > total) return undefined;
  const [first, last] = spanOf(number, index < 0, count, total);
  return text.slice(spans[first - 1]![0], spans[last - 1]![1]);
}

const trimmed = (side: 'left' | 'right'): Converter => ({
  in: 'str',
  out: 'str',
  usage: '<chars>',
  args: [1, 1],
  summary: `takes these characters away on the ${side}`,
  make:
    ([chars = '']) =>
    (sample) => {
      const text = sample.value as string;
      let [from, to] = [0, text.length];
      if (side === 'left') while (from < to && chars.includes(text[from]!)) from += 1;
      else while (to > from && chars.includes(text[to - 1]!)) to -= 1;
      return str(text.slice(from, to));
    },
});

const LOWER = /[A-Z]+/g;
const UPPER = /[a-z]+/g;

/** Text: HAProxy 2.6 manual, section 7.3.1. */
export const TEXT_CONVERTERS: ConverterTable = {
  lower: onText('str', 'in small letters', (text) =>
    str(text.replace(LOWER, (letters) => letters.toLowerCase())),
  ),
  upper: onText('str', 'in capital letters', (text) =>
    str(text.replace(UPPER, (letters) => letters.toUpperCase())),
  ),
  length: onText('sint', 'length in bytes', (text) => int(text.length)),
  field: parts('<index>,<delimiters>[,<count>]', 'a field between delimiters', fieldAt),
  word: parts('<index>,<delimiters>[,<count>]', 'a word between runs of delimiters', wordAt),
  ltrim: trimmed('left'),
  rtrim: trimmed('right'),
  cut_crlf: onText('str', 'up to the first line end', (text) => str(text.replace(/[\r\n].*/s, ''))),
  bytes: {
    in: 'bin',
    out: 'bin',
    usage: '<offset>[,<length>]',
    args: [1, 2],
    summary: 'some of the bytes',
    make: ([offset = '', length]) => {
      const from = integerOf(offset, 'offset', 0);
      const count =
        length === undefined ? Number.POSITIVE_INFINITY : integerOf(length, 'length', 0);
      return (sample) => {
        const text = sample.value as string;
        return from >= text.length ? undefined : bin(text.slice(from, from + count));
      };
    },
  },
  regsub: {
    in: 'str',
    out: 'str',
    usage: '<regex>,<subst>[,<flags>]',
    args: [2, 3],
    summary: 'replaces what matches; `g` = everywhere, `i` = whatever the case',
    make: ([pattern = '', replacement = '', flags = '']) => {
      if (/[^gi]/.test(flags)) throw new ExpressionError(`flag '${flags}' is not supported`);
      const regex = compileRegex(pattern, { ignoreCase: flags.includes('i'), global: true });
      const everywhere = flags.includes('g');
      return (sample) => str(substitute(sample.value as string, regex, replacement, everywhere));
    },
  },
  concat: {
    in: 'str',
    out: 'str',
    usage: '[<start>],[<var>],[<end>]',
    args: [0, 3],
    summary: 'appends a text, a variable and a text',
    make: ([start = '', name = '', end = '']) => {
      const middle = name === '' ? undefined : variable(name);
      return (sample, scope) => {
        const value = middle && scope.variable(middle);
        return str((sample.value as string) + start + ((value && asText(value)) ?? '') + end);
      };
    },
  },
  add_item: {
    in: 'str',
    out: 'str',
    usage: '<delim>,[<var>][,<suff>]',
    args: [2, 3],
    summary: 'appends a variable and a text, behind a delimiter where there is something before',
    make: ([delimiter = '', name = '', suffix = '']) => {
      const item = name === '' ? undefined : variable(name);
      return (sample, scope) => {
        const text = sample.value as string;
        const value = item && scope.variable(item);
        const added = ((value && asText(value)) ?? '') + suffix;
        return str(text !== '' && added !== '' ? text + delimiter + added : text + added);
      };
    },
  },
  iif: {
    in: 'bool',
    out: 'str',
    usage: '<true>,<false>',
    args: [2, 2],
    summary: 'one text or the other',
    make: ([yes = '', no = '']) => {
      const [either, or] = [str(yes), str(no)];
      return (sample) => (sample.value ? either : or);
    },
  },
  strcmp: {
    in: 'str',
    out: 'sint',
    usage: '<var>',
    args: [1, 1],
    summary: 'less than, equal to or greater than zero, as strcmp(3) with a variable',
    make: ([name = '']) => {
      const other = variable(name);
      return (sample, scope) => {
        const value = scope.variable(other);
        return value && compared(sample.value as string, asText(value) ?? '');
      };
    },
  },
  secure_memcmp: {
    in: 'bin',
    out: 'bool',
    usage: '<var>',
    args: [1, 1],
    summary: 'whether it equals a variable, in a time that tells nothing',
    make: ([name = '']) => {
      const other = variable(name);
      return (sample, scope) => {
        const value = scope.variable(other)?.value;
        if (typeof value !== 'string') return undefined;
        const text = sample.value as string;
        let difference = text.length ^ value.length;
        for (let i = 0; i < text.length; i++) {
          difference |= text.charCodeAt(i) ^ value.charCodeAt(i % (value.length || 1));
        }
        return { type: 'bool', value: difference === 0 };
      };
    },
  },
  host_only: onText('str', 'a host field without its port', (text) =>
    str(text.replace(/:[0-9]*$/, '')),
  ),
  port_only: onText('sint', "a host field's port, 0 without one", (text) =>
    int(Number(/:(\d{1,5})$/.exec(text)?.[1] ?? 0)),
  ),
  language: {
    in: 'str',
    out: 'str',
    usage: '<values>[,<default>]',
    args: [1, 2],
    summary: 'the language of a list that `accept-language` likes best',
    make: ([list = '', otherwise]) => {
      const known = list.split(';');
      return (sample) => optional(preferred(sample.value as string, known) ?? otherwise, str);
    },
  },
};

function compared(left: string, right: string): Sample {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const difference = left.charCodeAt(i) - right.charCodeAt(i);
    if (difference !== 0) return int(difference);
  }
  return int(left.length - right.length);
}

/** RFC 9110, 12.5.4: languages with weights; the first of the heaviest that is known. */
function preferred(field: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let heaviest = 0;
  for (const part of field.split(',')) {
    const [name = '', ...parameters] = part.trim().split(/\s*;\s*/);
    const given = parameters.find((each) => each.startsWith('q='));
    const weight = given === undefined ? 1 : Number(given.slice(2)) || 0;
    const exact = known.find((each) => each === name);
    const language = exact ?? known.find((each) => each === name.split('-')[0]);
    if (language !== undefined && weight > heaviest) [best, heaviest] = [language, weight];
  }
  return best;
}
