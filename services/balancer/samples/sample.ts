/**
 * A typed value as expressions pass it on: HAProxy 2.6 manual, section 7.3. Texts and bytes are
 * latin1 strings, a character a byte; integers are signed and 64 bits wide; addresses are their 4
 * or 16 bytes.
 */
export type Sample =
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'sint'; readonly value: bigint }
  | { readonly type: 'ipv4' | 'ipv6'; readonly value: Uint8Array }
  | { readonly type: 'str' | 'bin' | 'meth'; readonly value: string };

/** `addr` is either kind of address, `any` is only known when it runs. */
export type SampleType = Sample['type'] | 'addr' | 'any';

export const TRUE: Sample = { type: 'bool', value: true };
export const FALSE: Sample = { type: 'bool', value: false };

export const bool = (value: boolean): Sample => (value ? TRUE : FALSE);
export const str = (value: string): Sample => ({ type: 'str', value });
export const bin = (value: string): Sample => ({ type: 'bin', value });
export const int = (value: number | bigint): Sample => ({
  type: 'sint',
  value: typeof value === 'bigint' ? value : BigInt(Math.trunc(value)),
});
export const address = (value: Uint8Array): Sample => ({
  type: value.length === 4 ? 'ipv4' : 'ipv6',
  value,
});

export const optional = <T>(
  value: T | undefined,
  make: (value: T) => Sample,
): Sample | undefined => (value === undefined ? undefined : make(value));

/** The bytes of a latin1 text. */
export const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');
export const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

const MAX = 2n ** 63n - 1n;
const MIN = -(2n ** 63n);

/** Brings a result back into 64 bits as HAProxy's arithmetic does, at the nearest limit. */
export const clamp = (value: bigint): bigint => (value > MAX ? MAX : value < MIN ? MIN : value);
