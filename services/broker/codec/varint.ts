/** Largest value of a variable byte integer (MQTT 5, 1.5.5). */
export const VARINT_MAX = 268_435_455;

/** Bytes that `value` takes as a variable byte integer. */
export function varintLength(value: number): number {
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  if (value < 2_097_152) return 3;
  return 4;
}

/** Writes `value` and returns the offset after it. */
export function writeVarint(target: Buffer, value: number, offset: number): number {
  let rest = value;
  let at = offset;
  do {
    const digit = rest & 0x7f;
    rest >>>= 7;
    target[at++] = rest > 0 ? digit | 0x80 : digit;
  } while (rest > 0);
  return at;
}

/**
 * Reads a variable byte integer at `offset` of `bytes`, which ends at `end`.
 * Returns value × 8 + its length in bytes; -1 when more bytes are needed, -2 when it is malformed
 * (a fourth byte that continues, [MQTT-1.5.5-1] and 3.1.1, 2.2.3).
 */
export function readVarint(bytes: Buffer, offset: number, end: number): number {
  let value = 0;
  let factor = 1;
  for (let length = 1; length <= 4; length++) {
    const at = offset + length - 1;
    if (at >= end) return -1;
    const byte = bytes[at]!;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value * 8 + length;
    factor *= 128;
  }
  return -2;
}
