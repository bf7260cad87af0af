import type { ConverterTable } from '../converter.ts';
import { ExpressionError } from '../fetch.ts';
import { bin, bool } from '../sample.ts';

/**
 * Financial Information eXchange: `tag=value`, each with SOH behind it (FIX 4.4, volume 1). An empty
 * value passes, as in HAProxy.
 */
const SOH = '\x01';
const BEGIN_STRING = 8;
const BODY_LENGTH = 9;
const CHECK_SUM = 10;
const MESSAGE_TYPE = 35;
const NAMES: Readonly<Record<string, number>> = {
  BeginString: BEGIN_STRING,
  BodyLength: BODY_LENGTH,
  CheckSum: CHECK_SUM,
  MsgType: MESSAGE_TYPE,
  SenderCompID: 49,
  TargetCompID: 56,
};
/** The highest tag of each version; those that users define come on top. */
const HIGHEST: Readonly<Record<string, number>> = {
  'FIX.4.0': 140,
  'FIX.4.1': 211,
  'FIX.4.2': 446,
  'FIX.4.3': 659,
  'FIX.4.4': 956,
  'FIXT.1.1': 1621,
};
const isUserDefined = (tag: number): boolean => tag >= 10_000 && tag <= 19_999;
/** Bytes of the shortest message. */
const SHORTEST = 26;

interface Field {
  /** 0 = it is no number. */
  readonly tag: number;
  readonly value: string;
  /** Where it begins, and where the next one does. */
  readonly start: number;
  readonly next: number;
}

const numberOf = (text: string): number => (/^\d{1,9}$/.test(text) ? Number(text) : 0);

/** The field there; undefined = its end has not come, `false` = there cannot be one. */
function fieldAt(message: string, start: number): Field | undefined | false {
  const equals = message.indexOf('=', start);
  const end = equals < 0 ? -1 : message.indexOf(SOH, equals);
  if (end < 0) return undefined;
  const tag = numberOf(message.slice(start, equals));
  const value = message.slice(equals + 1, end);
  return tag === 0 ? false : { tag, value, start, next: end + 1 };
}

/** Whether it is a whole message; undefined = not yet. */
function isValid(message: string): boolean | undefined {
  if (message.length < SHORTEST) return undefined;
  let highest = Number.POSITIVE_INFINITY;
  let body = { from: 0, length: 0 };
  for (let at = 0, count = 1; at < message.length; count++) {
    const field = fieldAt(message, at);
    if (!field) return field;
    const { tag, value, start, next } = field;
    if (tag > highest && !isUserDefined(tag)) return false;
    if (count === 1) {
      if (tag !== BEGIN_STRING || !Object.hasOwn(HIGHEST, value)) return false;
      highest = HIGHEST[value]!;
    } else if (count === 2) {
      const length = numberOf(value);
      if (tag !== BODY_LENGTH || length === 0) return false;
      body = { from: next, length };
    } else if (count === 3) {
      if (tag !== MESSAGE_TYPE) return false;
    } else if (tag === CHECK_SUM) {
      const whole = start - body.from === body.length;
      return whole && /^\d{3}$/.test(value) && Number(value) === sumOf(message, start);
    }
    at = next;
  }
  return undefined;
}

/** Of all bytes before its own field. */
function sumOf(message: string, end: number): number {
  let sum = 0;
  for (let at = 0; at < end; at++) sum = (sum + message.charCodeAt(at)) & 0xff;
  return sum;
}

/** `false` = there is none; undefined = not yet. */
function fieldValue(message: string, wanted: number): string | undefined | false {
  for (let at = 0; at < message.length; ) {
    const field = fieldAt(message, at);
    if (!field) return field;
    if (field.tag === wanted) return field.value;
    if (field.tag === CHECK_SUM) return false;
    at = field.next;
  }
  return undefined;
}

/** HAProxy 2.6 manual, section 7.3.1. */
export const FIX_CONVERTERS: ConverterTable = {
  fix_is_valid: {
    in: 'bin',
    out: 'bool',
    usage: '',
    args: [0, 0],
    summary: 'whether it is a whole message of the FIX protocol',
    make: () => (sample, scope) => {
      const valid = isValid(sample.value as string);
      if (valid !== undefined) return bool(valid);
      scope.missing = true;
      return undefined;
    },
  },
  fix_tag_value: {
    in: 'bin',
    out: 'bin',
    usage: '<tag>',
    args: [1, 1],
    summary: 'value of a tag in a FIX message, by number or name',
    make: ([tag = '']) => {
      const wanted = Object.hasOwn(NAMES, tag) ? NAMES[tag]! : numberOf(tag);
      if (wanted === 0) throw new ExpressionError(`unknown FIX tag '${tag}'`);
      return (sample, scope) => {
        const value = fieldValue(sample.value as string, wanted);
        if (value === undefined) scope.missing = true;
        return value ? bin(value) : undefined;
      };
    },
  },
};
