import { cast } from '../../samples/cast.ts';
import { formatIp } from '../../samples/ip.ts';
import { bytesOf, type Sample, textOf } from '../../samples/sample.ts';
import { type KeyType, SAMPLE_OF, type StickTableConfig } from './config.ts';

/** The value as a key of the table, a character a byte; undefined where it cannot be one. */
export function keyOf(
  { type, length }: Pick<StickTableConfig, 'type' | 'length'>,
  sample: Sample,
): string | undefined {
  const value = cast(sample, SAMPLE_OF[type])?.value;
  if (value === undefined) return undefined;
  if (value instanceof Uint8Array) return textOf(value);
  if (typeof value === 'bigint') return String(BigInt.asUintN(32, value));
  const text = String(value).slice(0, length);
  return type === 'binary' ? text.padEnd(length, '\0') : text;
}

/** A key as people write it. */
export function describeKey(type: KeyType, key: string): string {
  if (type === 'ip' || type === 'ipv6') return formatIp(bytesOf(key));
  if (type === 'binary') return bytesOf(key).toString('hex').toUpperCase();
  return key;
}
