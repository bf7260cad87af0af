import { BrambleError, ERROR_CODES } from '#core/errors.ts';

/** The twelve bytes that open a version 2 header (PROXY protocol specification, 2.2). */
const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const FIXED = 16;
/** Longest header that we take; the specification promises senders stay far below. */
export const PROXY_HEADER_MAX = 1_024;

export interface ProxyHeader {
  /** Undefined for LOCAL (a health check of the balancer itself) and unknown families. */
  source: { address: string; port: number } | undefined;
  /** Bytes that the header takes. */
  length: number;
}

/**
 * Reads a PROXY protocol version 2 header at the start of `bytes`. Returns undefined while it is
 * not complete. Throws BRAMBLE_PROTOCOL when it is none or is too long.
 */
export function parseProxyV2(bytes: Buffer): ProxyHeader | undefined {
  const known = Math.min(bytes.length, SIGNATURE.length);
  if (bytes.compare(SIGNATURE, 0, known, 0, known) !== 0) throw bad('no PROXY v2 header');
  if (bytes.length < FIXED) return undefined;
  const version = bytes[12]! >> 4;
  const command = bytes[12]! & 0x0f;
  if (version !== 2 || command > 1) throw bad('unknown PROXY version or command');
  const family = bytes[13]!;
  const bodyLength = bytes.readUInt16BE(14);
  const length = FIXED + bodyLength;
  if (length > PROXY_HEADER_MAX) throw bad(`PROXY header of ${length} bytes`);
  if (bytes.length < length) return undefined;
  if (command === 0) return { source: undefined, length };
  switch (family >> 4) {
    case 1: {
      if (bodyLength < 12) throw bad('PROXY header too short for IPv4');
      const address = Array.from(bytes.subarray(16, 20)).join('.');
      return { source: { address, port: bytes.readUInt16BE(24) }, length };
    }
    case 2: {
      if (bodyLength < 36) throw bad('PROXY header too short for IPv6');
      const groups = Array.from({ length: 8 }, (_, i) =>
        bytes.readUInt16BE(16 + 2 * i).toString(16),
      );
      return { source: { address: groups.join(':'), port: bytes.readUInt16BE(48) }, length };
    }
    default:
      return { source: undefined, length };
  }
}

function bad(message: string): BrambleError {
  return new BrambleError(ERROR_CODES.PROTOCOL, message);
}
