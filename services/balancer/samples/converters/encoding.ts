import { hexOf } from '../cast.ts';
import { type Converter, type ConverterTable, onText } from '../converter.ts';
import { ExpressionError, integerOf } from '../fetch.ts';
import { TIME_UNITS } from '../fetches/constant.ts';
import { bin, bytesOf, optional, type Sample, str } from '../sample.ts';
import { formatTime } from '../strftime.ts';
import { jsonQuery, parseJsonPath } from './json-path.ts';

const decoded = (text: string, shape: RegExp): Sample | undefined =>
  shape.test(text) ? bin(Buffer.from(text, 'base64').toString('latin1')) : undefined;

/** Percent-decoding (RFC 3986, 2.1); `+` is a blank in a query. Broken sequences yield nothing. */
export function urlDecode(text: string, form: boolean): string | undefined {
  let done = '';
  let query = form;
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (char === '%') {
      const digits = text.slice(at + 1, at + 3);
      if (!/^[0-9a-f]{2}$/i.test(digits)) return undefined;
      done += String.fromCharCode(Number.parseInt(digits, 16));
      at += 2;
    } else {
      if (char === '?') query = true;
      done += char === '+' && query ? ' ' : char;
    }
  }
  return done;
}

const hexByte = (char: string): string =>
  char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');

const time = (summary: string, utc: boolean): Converter => ({
  in: 'sint',
  out: 'str',
  usage: '<format>[,<offset>]',
  args: [1, 2],
  summary,
  make: ([format = '', offset = '0']) => {
    const more = integerOf(offset, 'offset');
    return (sample) => str(formatTime(format, (Number(sample.value) + more) * 1000, utc));
  },
});

/** Encodings: HAProxy 2.6 manual, section 7.3.1. */
export const ENCODING_CONVERTERS: ConverterTable = {
  base64: onText('str', 'as Base64', (text) => str(bytesOf(text).toString('base64')), 'bin'),
  b64dec: onText('bin', 'from Base64', (text) =>
    text.length % 4 === 0 ? decoded(text, /^[A-Za-z0-9+/]*={0,2}$/) : undefined,
  ),
  ub64enc: onText(
    'str',
    'as URL-safe Base64',
    (text) => str(bytesOf(text).toString('base64url')),
    'bin',
  ),
  ub64dec: onText('bin', 'from URL-safe Base64', (text) => decoded(text, /^[A-Za-z0-9_-]*={0,2}$/)),
  hex: onText('str', 'two hexadecimal digits a byte', (text) => str(hexOf(text)), 'bin'),
  be2dec: {
    in: 'bin',
    out: 'str',
    usage: '<separator>,<chunk_size>[,<truncate>]',
    args: [1, 3],
    summary: 'decimal numbers, each of so many bytes (1 to 8) in network order',
    make: ([separator = '', size = '0', truncate = '0']) => {
      const chunk = integerOf(size, 'chunk_size', 1, 8);
      const whole = integerOf(truncate, 'truncate value', 0, 1) === 1;
      return (sample) => {
        const digits = hexOf(sample.value as string);
        const groups = digits.match(new RegExp(`.{1,${2 * chunk}}`, 'g')) ?? [];
        if (whole && (groups.at(-1)?.length ?? 0) < 2 * chunk) groups.pop();
        return str(groups.map((group) => BigInt(`0x${group}`).toString()).join(separator));
      };
    },
  },
  be2hex: {
    in: 'bin',
    out: 'str',
    usage: '[<separator>],[<chunk_size>],[<truncate>]',
    args: [0, 3],
    summary: 'hexadecimal, in groups',
    make: ([separator = '', size = '1', truncate = '0']) => {
      const chunk = integerOf(size || '1', 'chunk_size', 1);
      return (sample) => {
        const digits = hexOf(sample.value as string);
        const groups = digits.match(new RegExp(`.{1,${2 * chunk}}`, 'g')) ?? [];
        if (truncate === '1' && (groups.at(-1)?.length ?? 0) < 2 * chunk) groups.pop();
        return str(groups.join(separator));
      };
    },
  },
  htonl: {
    in: 'sint',
    out: 'bin',
    usage: '',
    args: [0, 0],
    summary: 'its 32 bits in network order',
    make: () => (sample) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(Number(BigInt.asUintN(32, sample.value as bigint)));
      return bin(bytes.toString('latin1'));
    },
  },
  url_dec: {
    in: 'str',
    out: 'str',
    usage: '[<in_form>]',
    args: [0, 1],
    summary: 'percent-decoded; 1 = a query or form, where `+` is a blank',
    make: ([form = '0']) => {
      const query = integerOf(form, 'in_form') !== 0;
      return (sample) => optional(urlDecode(sample.value as string, query), str);
    },
  },
  url_enc: {
    in: 'str',
    out: 'str',
    usage: '[<enc_type>]',
    args: [0, 1],
    summary: 'percent-encoded, all but unreserved characters (RFC 3986, 2.3)',
    make: ([type = 'query']) => {
      if (type !== '' && type !== 'query') {
        throw new ExpressionError(`Unexpected encode type. Allowed value is 'query'`);
      }
      return (sample) =>
        str((sample.value as string).replace(/[^A-Za-z0-9._~-]/g, (char) => `%${hexByte(char)}`));
    },
  },
  json: {
    in: 'str',
    out: 'str',
    usage: '[<input-code>]',
    args: [0, 1],
    summary: 'escaped for a JSON string',
    make: ([code = 'ascii']) => {
      if (!/^(ascii|utf8|utf8s|utf8p|utf8ps)$/.test(code)) {
        throw new ExpressionError(
          `Unexpected input code type. Allowed value are 'ascii', 'utf8', 'utf8s', 'utf8p' and 'utf8ps'`,
        );
      }
      return (sample) => optional(jsonEscape(sample.value as string, code), str);
    },
  },
  json_query: {
    in: 'str',
    out: 'any',
    usage: '<json_path>[,<output_type>]',
    args: [1, 2],
    summary: 'a value in a JSON document (RFC 9535, names and indexes)',
    make: ([path = '', type = '']) => {
      if (type !== '' && type !== 'int') {
        throw new ExpressionError(`output_type only supports "int" as argument`);
      }
      const steps = parseJsonPath(path);
      return (sample) => jsonQuery(sample.value as string, steps, type === 'int');
    },
  },
  http_date: {
    in: 'sint',
    out: 'str',
    usage: '[<offset>[,<unit>]]',
    args: [0, 2],
    summary: 'a date as HTTP writes it (RFC 9110, 5.6.7)',
    make: ([offset = '', unit = 's']) => {
      const more = offset === '' ? 0 : integerOf(offset, 'offset');
      const factor = TIME_UNITS[unit];
      if (factor === undefined) throw new ExpressionError(`invalid unit '${unit}'`);
      return (sample) => {
        const date = new Date(((Number(sample.value) + more) / factor) * 1000);
        if (Number.isNaN(date.getTime())) return undefined;
        const text = date.toUTCString();
        if (unit === 's') return str(text);
        // As HAProxy, which does not pad the fraction.
        const fraction = (Number(sample.value) + more) % factor;
        return str(text.replace(' GMT', `.${fraction} GMT`));
      };
    },
  },
  ltime: time('a date in local time, as strftime(3)', false),
  utime: time('a date in universal time, as strftime(3)', true),
};

const ESCAPES: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '"': '\\"',
  '\\': '\\\\',
  '/': '\\/',
};

function jsonEscape(text: string, code: string): string | undefined {
  let chars = text;
  if (code !== 'ascii') {
    const decodedText = new TextDecoder('utf-8').decode(bytesOf(text));
    if (decodedText.includes('\ufffd') && !code.endsWith('s')) return undefined;
    chars = decodedText.replaceAll('\ufffd', '');
  }
  let done = '';
  for (const char of chars) {
    const point = char.codePointAt(0)!;
    if (point > 0xffff) {
      if (code.endsWith('s')) continue;
      return undefined;
    }
    const plain = point >= 32 && point < 127;
    done += ESCAPES[char] ?? (plain ? char : `\\u${point.toString(16).padStart(4, '0')}`);
  }
  return done;
}
