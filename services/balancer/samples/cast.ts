import { formatIp, mapped, parseIp, parseIpv4, unmapped } from './ip.ts';
import {
  address,
  bin,
  bool,
  bytesOf,
  int,
  type Sample,
  type SampleType,
  str,
  textOf,
} from './sample.ts';

type Cast = (sample: Sample) => Sample | undefined;
const same: Cast = (sample) => sample;

const bytes = (sample: Sample): Uint8Array => sample.value as Uint8Array;
const text = (sample: Sample): string => sample.value as string;
const integer = (sample: Sample): bigint =>
  typeof sample.value === 'boolean' ? (sample.value ? 1n : 0n) : (sample.value as bigint);

/** Digits at the start of a text with an optional sign, as HAProxy reads numbers; 0 without any. */
export function leadingInteger(value: string): bigint {
  const found = /^[+-]?\d+/.exec(value);
  return found ? BigInt.asIntN(64, BigInt(found[0].replace('+', ''))) : 0n;
}

/** What follows the digits is of no interest, nothing at all is no number. */
const readInteger = (value: string): Sample | undefined =>
  value === '' ? undefined : int(leadingInteger(value));

/** Two capital hexadecimal digits a byte. */
export const hexOf = (value: string): string => bytesOf(value).toString('hex').toUpperCase();

function int64Bytes(value: bigint): string {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(BigInt.asIntN(64, value));
  return buffer.toString('latin1');
}

const toIpv4 = (value: bigint): Uint8Array => {
  const number = Number(BigInt.asUintN(32, value));
  return Uint8Array.of(number >>> 24, (number >> 16) & 255, (number >> 8) & 255, number & 255);
};
const ipv4Number = (value: Uint8Array): bigint => BigInt(Buffer.from(value).readUInt32BE(0));
const untilNul = (value: string): string => {
  const end = value.indexOf('\0');
  return end < 0 ? value : value.slice(0, end);
};
const maybe = (value: Uint8Array | undefined): Sample | undefined => value && address(value);

/** What may become what: the matrix of HAProxy 2.6. A pair that is missing is a configuration error. */
const CASTS: Record<Sample['type'], Partial<Record<SampleType, Cast>>> = {
  bool: {
    bool: same,
    sint: (sample) => int(integer(sample)),
    str: (sample) => str(String(integer(sample))),
  },
  sint: {
    bool: (sample) => bool(integer(sample) !== 0n),
    sint: same,
    addr: (sample) => address(toIpv4(integer(sample))),
    ipv4: (sample) => address(toIpv4(integer(sample))),
    ipv6: (sample) => address(mapped(toIpv4(integer(sample)))),
    str: (sample) => str(String(sample.value)),
    bin: (sample) => bin(int64Bytes(integer(sample))),
  },
  ipv4: {
    sint: (sample) => int(ipv4Number(bytes(sample))),
    addr: same,
    ipv4: same,
    ipv6: (sample) => address(mapped(bytes(sample))),
    str: (sample) => str(formatIp(bytes(sample))),
    bin: (sample) => bin(textOf(bytes(sample))),
  },
  ipv6: {
    addr: same,
    ipv4: (sample) => maybe(unmapped(bytes(sample))),
    ipv6: same,
    str: (sample) => str(formatIp(bytes(sample))),
    bin: (sample) => bin(textOf(bytes(sample))),
  },
  str: {
    bool: (sample) => {
      const number = readInteger(text(sample));
      return number && bool(number.value !== 0n);
    },
    sint: (sample) => readInteger(text(sample)),
    addr: (sample) => maybe(parseIp(text(sample))),
    ipv4: (sample) => maybe(parseIpv4(text(sample))),
    ipv6: (sample) => {
      const found = parseIp(text(sample));
      return found && address(found.length === 4 ? mapped(found) : found);
    },
    str: same,
    bin: (sample) => bin(text(sample)),
    meth: (sample) => ({ type: 'meth', value: text(sample) }),
  },
  bin: {
    // A text ends where a NUL is (HAProxy).
    str: (sample) => str(untilNul(text(sample))),
    bin: same,
    meth: (sample) => ({ type: 'meth', value: text(sample) }),
  },
  meth: {
    str: (sample) => str(text(sample)),
    bin: (sample) => bin(text(sample)),
    meth: same,
  },
};

/** Whether a value declared as `from` may be given where `to` is asked for. */
export function isCastable(from: SampleType, to: SampleType): boolean {
  if (from === 'any' || to === 'any' || from === to) return true;
  if (from === 'addr') return isCastable('ipv4', to) || isCastable('ipv6', to);
  return CASTS[from][to] !== undefined;
}

/** The value as `to`, or undefined where this one cannot be. */
export function cast(sample: Sample, to: SampleType): Sample | undefined {
  if (to === 'any' || sample.type === to) return sample;
  return CASTS[sample.type][to]?.(sample);
}

/** The value as text; addresses and numbers as people write them, bytes up to a NUL. */
export function asText(sample: Sample): string | undefined {
  return cast(sample, 'str')?.value as string | undefined;
}

/** The value's bytes, for hashing and as a table's key: text and bytes as they are. */
export function asBytes(sample: Sample): string | undefined {
  return (cast(sample, 'bin')?.value as string | undefined) ?? asText(sample);
}

export function asInteger(sample: Sample): bigint | undefined {
  return cast(sample, 'sint')?.value as bigint | undefined;
}
