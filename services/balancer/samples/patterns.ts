import { asText, cast } from './cast.ts';
import { ExpressionError } from './fetch.ts';
import { mapped, masked, maskOf, parseIpv4, parseIpv6, unmapped } from './ip.ts';
import { compileRegex } from './regex.ts';
import type { Sample, SampleType } from './sample.ts';

export const MATCH_METHODS = [
  'found',
  'bool',
  'int',
  'ip',
  'bin',
  'len',
  'str',
  'beg',
  'sub',
  'dir',
  'dom',
  'end',
  'reg',
  'meth',
] as const;
export type MatchMethod = (typeof MATCH_METHODS)[number];

/** What a pattern is made into: tells whether a prepared value fits. */
type Test = (value: never) => boolean;

interface Entry<V> {
  readonly pattern: string;
  readonly value: V;
  readonly test: Test;
}

/** Type that a sample has to become before it is compared. */
const INPUT: Readonly<Record<MatchMethod, SampleType>> = {
  found: 'any',
  bool: 'bool',
  int: 'sint',
  ip: 'addr',
  bin: 'bin',
  len: 'str',
  str: 'str',
  beg: 'str',
  sub: 'str',
  dir: 'str',
  dom: 'str',
  end: 'str',
  reg: 'str',
  meth: 'meth',
};

/**
 * Patterns of one match method, each with a value (HAProxy 2.6 manual, section 7.1). They may be
 * added and deleted while it is in use.
 */
export class PatternSet<V> {
  readonly method: MatchMethod;
  readonly input: SampleType;
  readonly #ignoreCase: boolean;
  /** By exact text, where the method allows it. */
  readonly #exact = new Map<string, Entry<V>>();
  readonly #list: Entry<V>[] = [];
  readonly #indexed: boolean;

  constructor(method: MatchMethod, ignoreCase: boolean) {
    this.method = method;
    this.input = INPUT[method];
    this.#ignoreCase = ignoreCase && method !== 'reg';
    this.#indexed = method === 'str' || method === 'meth';
    this.#regexIgnoresCase = ignoreCase;
  }
  readonly #regexIgnoresCase: boolean;

  get size(): number {
    return this.#exact.size + this.#list.length;
  }

  *[Symbol.iterator](): Generator<[pattern: string, value: V]> {
    for (const { pattern, value } of this.#exact.values()) yield [pattern, value];
    for (const { pattern, value } of this.#list) yield [pattern, value];
  }

  /** Throws ExpressionError when the pattern makes no sense for the method. */
  add(pattern: string, value: V): void {
    const text = this.#ignoreCase ? pattern.toLowerCase() : pattern;
    if (this.#indexed) {
      if (!this.#exact.has(text)) this.#exact.set(text, { pattern, value, test: () => true });
      return;
    }
    const test = makeTest(this.method, text, this.#regexIgnoresCase);
    this.#list.push({ pattern, value, test });
  }

  /** False when there was none. */
  delete(pattern: string): boolean {
    const text = this.#ignoreCase ? pattern.toLowerCase() : pattern;
    if (this.#exact.delete(text)) return true;
    const at = this.#list.findIndex((entry) => entry.pattern === pattern);
    if (at >= 0) this.#list.splice(at, 1);
    return at >= 0;
  }

  clear(): void {
    this.#exact.clear();
    this.#list.length = 0;
  }

  /** The value of the pattern that fits, the most exact one where several do. */
  find(sample: Sample): V | undefined {
    const { method } = this;
    const converted = cast(sample, this.input);
    if (!converted) return undefined;
    let value: unknown = converted.value;
    if (this.#ignoreCase && typeof value === 'string') value = value.toLowerCase();
    if (method === 'len') value = BigInt((value as string).length);
    if (this.#indexed) return this.#exact.get(value as string)?.value;
    if (method === 'beg' || method === 'ip') return this.#longest(value as never);
    for (const entry of this.#list) if (entry.test(value as never)) return entry.value;
    return undefined;
  }

  #longest(value: never): V | undefined {
    let best: Entry<V> | undefined;
    let length = -1;
    for (const entry of this.#list) {
      const size = this.method === 'ip' ? prefixOf(entry.pattern) : entry.pattern.length;
      if (size > length && entry.test(value)) [best, length] = [entry, size];
    }
    return best?.value;
  }
}

const prefixOf = (pattern: string): number => {
  const [, bits] = pattern.split('/');
  return bits === undefined || bits.includes('.') ? 128 : Number(bits);
};

function makeTest(method: MatchMethod, pattern: string, ignoreCase: boolean): Test {
  const test = testOf(method, pattern, ignoreCase);
  return test as Test;
}

function testOf(method: MatchMethod, pattern: string, ignoreCase: boolean): unknown {
  switch (method) {
    case 'found':
      return () => true;
    case 'bool':
      throw new ExpressionError('boolean match takes no pattern');
    case 'int':
    case 'len':
      return inRange(pattern);
    case 'ip':
      return inNetwork(pattern);
    case 'bin':
      return isBytes(pattern);
    case 'beg':
      return (text: string) => text.startsWith(pattern);
    case 'end':
      return (text: string) => text.endsWith(pattern);
    case 'sub':
      return (text: string) => text.includes(pattern);
    case 'dir':
      return wordTest(pattern, '/?');
    case 'dom':
      return wordTest(pattern, '/?.:');
    case 'reg': {
      const regex = compileRegex(pattern, { ignoreCase });
      return (text: string) => regex.test(text);
    }
    default:
      return (text: string) => text === pattern;
  }
}

/** `5`, `5:10`, `5:`, `:10` and `5-10`; operators have been made into ranges before. */
function inRange(pattern: string): (value: bigint) => boolean {
  const found = /^(-?\d{1,19})?(?:([:-])(-?\d{1,19})?)?$/.exec(pattern);
  if (!found || (found[1] === undefined && found[3] === undefined)) {
    throw new ExpressionError(`'${pattern}' is not a number`);
  }
  const [, low, range, high] = found;
  const first = low === undefined ? undefined : BigInt(low);
  const last = range === undefined ? first : high === undefined ? undefined : BigInt(high);
  return (value) =>
    (first === undefined || value >= first) && (last === undefined || value <= last);
}

/** An abbreviated IPv4 address, `127.1`; or undefined. */
function shortIpv4(text: string): Uint8Array | undefined {
  if (!/^\d+(\.\d+){0,3}$/.test(text)) return undefined;
  const parts = text.split('.');
  const last = parts.pop()!;
  const zeroes = new Array<string>(3 - parts.length).fill('0');
  return parseIpv4([...parts, ...zeroes, last].join('.'));
}

/** The network that a pattern names, as address and mask. Throws ExpressionError. */
export function parseNetwork(pattern: string): { network: Uint8Array; mask: Uint8Array } {
  const [text = '', bits, ...rest] = pattern.split('/');
  const bytes = shortIpv4(text) ?? parseIpv6(text);
  const fail = (): never => {
    throw new ExpressionError(`'${pattern}' is not a valid IPv4 or IPv6 address`);
  };
  if (!bytes || rest.length > 0) return fail();
  let mask = maskOf(8 * bytes.length, bytes.length);
  if (bits !== undefined) {
    const dotted = bytes.length === 4 ? parseIpv4(bits) : undefined;
    if (!dotted && (!/^\d{1,3}$/.test(bits) || Number(bits) > 8 * bytes.length)) return fail();
    mask = dotted ?? maskOf(Number(bits), bytes.length);
  }
  return { network: masked(bytes, mask), mask };
}

function inNetwork(pattern: string): (value: Uint8Array) => boolean {
  const { network, mask } = parseNetwork(pattern);
  return (value) => {
    let address: Uint8Array | undefined = value;
    if (value.length !== network.length) {
      address = network.length === 4 ? unmapped(value) : mapped(value);
    }
    return address !== undefined && network.every((byte, i) => byte === (address[i]! & mask[i]!));
  };
}

function isBytes(pattern: string): (value: string) => boolean {
  if (!/^([0-9a-f]{2})+$/i.test(pattern)) {
    throw new ExpressionError(`'${pattern}' is not hexadecimal`);
  }
  const bytes = Buffer.from(pattern, 'hex').toString('latin1');
  return (value) => value === bytes;
}

/** Whether the pattern stands between delimiters or at an end. */
function wordTest(pattern: string, delimiters: string): (text: string) => boolean {
  let [from, to] = [0, pattern.length];
  while (from < to && delimiters.includes(pattern[from]!)) from += 1;
  while (to > from && delimiters.includes(pattern[to - 1]!)) to -= 1;
  const word = pattern.slice(from, to);
  const edge = (char: string | undefined): boolean =>
    char === undefined || delimiters.includes(char);
  return (text) => {
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
      if (edge(text[at - 1]) && edge(text[at + word.length])) return true;
      if (at >= text.length) break;
    }
    return false;
  };
}

/** `-m bool` and `-m found`, which take no patterns. */
export function matchesWithout(method: MatchMethod, sample: Sample): boolean {
  if (method === 'found') return true;
  const value = cast(sample, 'bool');
  if (value) return value.value === true;
  return asText(sample) === '1';
}
