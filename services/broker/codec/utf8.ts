import { isUtf8 } from 'node:buffer';

/**
 * Whether the bytes are a UTF-8 Encoded String of MQTT: well-formed, no surrogates, no U+0000
 * ([MQTT-1.5.4-1], -2; 3.1.1: [MQTT-1.5.3-1], -2).
 */
export function isWellFormedUtf8(bytes: Buffer, start: number, end: number): boolean {
  let ascii = true;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte === 0) return false;
    if (byte >= 0x80) ascii = false;
  }
  return ascii || isUtf8(bytes.subarray(start, end));
}
