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
 * (a fourth byte that continues, 3.1.1, 2.2.3; more bytes than needed, [MQTT-1.5.5-1]).
 */
export function readVarint(bytes: Buffer, offset: number, end: number): number {
  const read = readPaddedVarint(bytes, offset, end);
  const length = read & 7;
  return read > 0 && length > 1 && bytes[offset + length - 1] === 0 ? -2 : read;
}

/** As readVarint, but takes more bytes than the value needs, which only MQTT 5 forbids. */
export function readPaddedVarint(bytes: Buffer, offset: number, end: number): number {
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

/** Whether the remaining length before the body at `body` takes more bytes than it needs. */
export function isPadded(frame: Buffer, body: number): boolean {
  return body > 2 && frame[body - 1] === 0;
}
