import type { Message } from '../../http/message.ts';
import { leadingInteger } from '../cast.ts';
import { ExpressionError, type Fetch, type FetchTable, integerOf, type Source } from '../fetch.ts';
import { parseIp, parseIpv4 } from '../ip.ts';
import { address, bin, int, type Sample, str } from '../sample.ts';
import type { Scope } from '../scope.ts';
import { listOf, occurrence, trim } from './http-names.ts';

type Of = (scope: Scope) => Message | undefined;
/** HAProxy remembers so many occurrences from the end. */
const MAX_BACKWARDS = 10;

/** Occurrences of a field, made into samples. */
function valued(
  source: Source,
  of: Of,
  out: Fetch['out'],
  summary: string,
  { whole, make }: { whole: boolean; make: (value: string) => Sample | undefined },
): Fetch {
  const read = (message: Message, name: string): string[] => {
    const lines = name === '' ? message.fields().map(([, value]) => value) : message.values(name);
    // Rules may have put blanks around what they set.
    return whole ? lines.map(trim) : listOf(lines).filter((value) => value !== '' || name !== '');
  };
  const nameOf = (text = ''): string => text.toLowerCase();
  const occurrenceOf = (text: string | undefined): number => {
    const index = text === undefined || text === '' ? -1 : integerOf(text, 'occurrence');
    if (index < -MAX_BACKWARDS) {
      throw new ExpressionError(
        `invalid occurrence '${text}', at least -${MAX_BACKWARDS} is needed`,
      );
    }
    return index || -1;
  };
  return {
    out,
    source,
    usage: '[<name>[,<occ>]]',
    args: [0, 2],
    summary,
    make: ([text, which]) => {
      const name = nameOf(text);
      const index = occurrenceOf(which);
      return (scope) => {
        const message = of(scope);
        const value = message && occurrence(read(message, name), index);
        return value === undefined ? undefined : make(value);
      };
    },
    all: ([text, which]) => {
      const name = nameOf(text);
      return (scope) => {
        const message = of(scope);
        if (!message) return [];
        const values = read(message, name);
        const some = which === undefined ? values : [occurrence(values, occurrenceOf(which))];
        return some.flatMap((value) => (value === undefined ? [] : (make(value) ?? [])));
      };
    },
  };
}

function counted(source: Source, of: Of, summary: string, whole: boolean): Fetch {
  return {
    out: 'sint',
    source,
    usage: '[<name>]',
    args: [0, 1],
    summary,
    make: ([text = '']) => {
      const name = text.toLowerCase();
      return (scope) => {
        const message = of(scope);
        if (!message) return undefined;
        if (name === '') {
          const all = message.fields();
          return int(whole ? all.length : listOf(all.map(([, value]) => value)).length);
        }
        const lines = message.values(name);
        return int(whole ? lines.length : listOf(lines).length);
      };
    },
  };
}

function addressIn(value: string): Sample | undefined {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(value);
  if (bracketed) {
    const six = parseIp(bracketed[1]!);
    return six?.length === 16 ? address(six) : undefined;
  }
  const bytes = parseIp(value) ?? parseIpv4(value.replace(/:\d+$/, ''));
  return bytes && address(bytes);
}

function names(source: Source, of: Of): Fetch {
  return {
    out: 'str',
    source,
    usage: '[<delim>]',
    args: [0, 1],
    summary: 'names of all fields',
    make:
      ([delimiter = ',']) =>
      (scope) => {
        const message = of(scope);
        return (
          message &&
          str(
            message
              .fields()
              .map(([name]) => name)
              .join(delimiter || ','),
          )
        );
      },
  };
}

const head = (source: Source, of: Of): Fetch => ({
  out: 'str',
  source,
  usage: '',
  args: [0, 0],
  summary: 'all fields as one text, ending with an empty line',
  make: () => (scope) => {
    const message = of(scope);
    return message && str(`${message.text.slice(message.lineLength + 2)}\r\n`);
  },
});

/** Lengths as a varint of HAProxy's peers protocol. */
function varint(length: number): string {
  if (length < 240) return String.fromCharCode(length);
  let text = String.fromCharCode((length | 240) & 255);
  let rest = Math.floor((length - 240) / 16);
  for (; rest >= 128; rest = Math.floor((rest - 128) / 128)) {
    text += String.fromCharCode((rest | 128) & 255);
  }
  return text + String.fromCharCode(rest);
}

const binaryHead = (source: Source, of: Of): Fetch => ({
  out: 'bin',
  source,
  usage: '',
  args: [0, 0],
  summary: 'all fields, each name and value behind its length',
  make: () => (scope) => {
    const message = of(scope);
    const parts = message?.fields().flat().concat('', '');
    return parts && bin(parts.map((part) => varint(part.length) + part).join(''));
  },
});

function family(source: Source, of: Of, whose: string): FetchTable {
  const text = { make: str, whole: false };
  const number = { make: (value: string) => int(leadingInteger(value)), whole: false };
  return {
    hdr: valued(source, of, 'str', `a value of the ${whose}'s field`, text),
    fhdr: valued(source, of, 'str', `a line of the ${whose}'s field`, { make: str, whole: true }),
    hdr_cnt: counted(source, of, `number of values of the ${whose}'s field`, false),
    fhdr_cnt: counted(source, of, `number of lines of the ${whose}'s field`, true),
    hdr_val: valued(source, of, 'sint', `a value of the ${whose}'s field as a number`, number),
    hdr_ip: valued(source, of, 'addr', `a value of the ${whose}'s field as an address`, {
      make: addressIn,
      whole: false,
    }),
    hdr_names: names(source, of),
    hdrs: head(source, of),
    hdrs_bin: binaryHead(source, of),
  };
}

const prefixed = (prefix: string, table: FetchTable): FetchTable =>
  Object.fromEntries(Object.entries(table).map(([name, fetch]) => [prefix + name, fetch]));

const REQUEST = family('request', ({ request }) => request, 'request');
/** `hdr` alone means the message that the rule is about. */
const EITHER = family('message', ({ request, response }) => response ?? request, 'message');
const RESPONSE = family('response', ({ response }) => response, 'response');
const pick = (table: FetchTable, map: Record<string, string>): FetchTable =>
  Object.fromEntries(Object.entries(map).map(([alias, name]) => [alias, table[name]!]));

/** Fields of both messages: HAProxy 2.6 manual, section 7.3.6. `hdr` alone follows its place. */
export const FIELD_FETCHES: FetchTable = {
  ...prefixed('req.', REQUEST),
  ...prefixed('res.', RESPONSE),
  ...pick(EITHER, { hdr: 'hdr' }),
  ...pick(REQUEST, {
    fhdr: 'fhdr',
    hdr_cnt: 'hdr_cnt',
    hdr_ip: 'hdr_ip',
    hdr_val: 'hdr_val',
  }),
  ...pick(RESPONSE, { shdr: 'hdr', shdr_cnt: 'hdr_cnt', shdr_ip: 'hdr_ip', shdr_val: 'hdr_val' }),
};
