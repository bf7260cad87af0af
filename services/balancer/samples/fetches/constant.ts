import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { workerData } from 'node:worker_threads';
import { ExpressionError, type FetchTable, integerOf, plain } from '../fetch.ts';
import { parseIpv4, parseIpv6 } from '../ip.ts';
import { address, bin, FALSE, int, optional, type Sample, str, TRUE } from '../sample.ts';
import { parseVariable } from '../variables.ts';

const fixed = (sample: Sample) => () => sample;

/** Counts from 0. */
const worker = (): number => (workerData as { worker?: number } | null)?.worker ?? 0;

/** Seconds to the unit that `date` and `http_date` count in. */
export const TIME_UNITS: Readonly<Record<string, number>> = { s: 1, ms: 1000, us: 1_000_000 };

/** Values that no traffic makes: HAProxy 2.6 manual, section 7.3.2. */
export const CONSTANT_FETCHES: FetchTable = {
  always_true: plain('bool', 'internal', 'true', fixed(TRUE)),
  always_false: plain('bool', 'internal', 'false', fixed(FALSE)),
  bool: {
    out: 'bool',
    source: 'internal',
    usage: '<bool>',
    args: [1, 1],
    summary: 'a constant',
    make: ([text = '']) => {
      if (/^(true|1)$/i.test(text)) return fixed(TRUE);
      if (/^(false|0)$/i.test(text)) return fixed(FALSE);
      throw new ExpressionError(`'${text}' is not a boolean`);
    },
  },
  int: {
    out: 'sint',
    source: 'internal',
    usage: '<integer>',
    args: [1, 1],
    summary: 'a constant',
    make: ([text = '']) => {
      if (!/^[+-]?\d{1,19}$/.test(text)) throw new ExpressionError(`'${text}' is not a number`);
      return fixed(int(BigInt.asIntN(64, BigInt(text))));
    },
  },
  str: {
    out: 'str',
    source: 'internal',
    usage: '<string>',
    args: [0, 1],
    summary: 'a constant',
    make: ([text = '']) => fixed(str(text)),
  },
  bin: {
    out: 'bin',
    source: 'internal',
    usage: '<hex>',
    args: [1, 1],
    summary: 'a constant, bytes in hexadecimal',
    make: ([text = '']) => {
      if (!/^([0-9a-f]{2})*$/i.test(text))
        throw new ExpressionError(`'${text}' is not hexadecimal`);
      return fixed(bin(Buffer.from(text, 'hex').toString('latin1')));
    },
  },
  meth: {
    out: 'meth',
    source: 'internal',
    usage: '<method>',
    args: [1, 1],
    summary: 'a constant',
    make: ([value = '']) => fixed({ type: 'meth', value }),
  },
  ipv4: {
    out: 'ipv4',
    source: 'internal',
    usage: '<ipv4>',
    args: [1, 1],
    summary: 'a constant',
    make: ([text = '']) => {
      const bytes = parseIpv4(text);
      if (!bytes) throw new ExpressionError(`'${text}' is not a valid IPv4 address`);
      return fixed(address(bytes));
    },
  },
  ipv6: {
    out: 'ipv6',
    source: 'internal',
    usage: '<ipv6>',
    args: [1, 1],
    summary: 'a constant',
    make: ([text = '']) => {
      const bytes = parseIpv6(text);
      if (!bytes) throw new ExpressionError(`'${text}' is not a valid IPv6 address`);
      return fixed(address(bytes));
    },
  },
  env: {
    out: 'str',
    source: 'internal',
    usage: '<name>',
    args: [1, 1],
    summary: 'a variable of the environment, as it was when the configuration was read',
    make: ([name = ''], environment) => {
      const value = environment.variable(name);
      return () => optional(value, str);
    },
  },
  date: {
    out: 'sint',
    source: 'internal',
    usage: '[<offset>[,<unit>]]',
    args: [0, 2],
    summary: 'seconds (or `ms`, `us`) since 1970',
    make: ([offset = '0', unit = 's']) => {
      const more = integerOf(offset === '' ? '0' : offset, 'offset');
      const factor = TIME_UNITS[unit];
      if (factor === undefined) throw new ExpressionError(`invalid unit '${unit}'`);
      return () => int(Math.floor((Date.now() * factor) / 1000) + more);
    },
  },
  date_us: plain('sint', 'internal', 'microseconds of the running second', () =>
    int((Date.now() % 1000) * 1000),
  ),
  rand: {
    out: 'sint',
    source: 'internal',
    usage: '[<range>]',
    args: [0, 1],
    summary: 'a random number below the range, default 2^32',
    make: ([text = '4294967296']) => {
      const range = integerOf(text, 'range', 1);
      return () => int(Math.floor(Math.random() * range));
    },
  },
  uuid: {
    out: 'str',
    source: 'internal',
    usage: '[<version>]',
    args: [0, 1],
    summary: 'a random UUID (RFC 9562), version 4',
    make: ([version = '']) => {
      if (version !== '' && version !== '4') throw new ExpressionError('Unsupported UUID version');
      return () => str(randomUUID());
    },
  },
  hostname: plain('str', 'internal', 'name of this machine', () => str(hostname())),
  nbproc: plain('sint', 'internal', 'number of processes', () => int(1)),
  proc: plain('sint', 'internal', 'number of the process', () => int(1)),
  thread: plain('sint', 'internal', 'number of the thread', () => int(worker())),
  stopping: plain('bool', 'internal', 'whether the process is stopping', () => FALSE),
  var: {
    out: 'any',
    source: 'internal',
    usage: '<name>[,<default>]',
    args: [1, 2],
    summary: 'a variable that a rule has set',
    make: ([text = '', otherwise]) => {
      const name = parseVariable(text);
      if ('error' in name) throw new ExpressionError(name.error);
      const fallback = otherwise === undefined ? undefined : str(otherwise);
      return (scope) => scope.variable(name) ?? fallback;
    },
  },
};
