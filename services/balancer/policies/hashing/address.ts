import { isIPv4, isIPv6 } from 'node:net';
import { bytesOfSix } from '../../tcp/proxy-header.ts';
import { NO_HASH } from './subject.ts';

/** The words of an address in network order, combined by exclusive or; no hash function applies. */
export function hashOfAddress(address: string): number {
  if (isIPv4(address)) return wordOfFour(address);
  if (!isIPv6(address)) return NO_HASH;
  const bytes = bytesOfSix(address);
  let word = 0;
  for (let i = 0; i < 16; i += 4) {
    word ^= (bytes[i]! << 24) | (bytes[i + 1]! << 16) | (bytes[i + 2]! << 8) | bytes[i + 3]!;
  }
  return word >>> 0;
}

function wordOfFour(address: string): number {
  let word = 0;
  let part = 0;
  for (let i = 0; i < address.length; i++) {
    const digit = address.charCodeAt(i) - 48;
    if (digit >= 0) {
      part = part * 10 + digit;
    } else {
      word = (word << 8) | part;
      part = 0;
    }
  }
  return ((word << 8) | part) >>> 0;
}
