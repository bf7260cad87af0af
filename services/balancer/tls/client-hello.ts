/** What the first bytes of a connection say of its TLS handshake. */
export type HelloScan =
  | { readonly kind: 'hello'; readonly serverName: string | undefined }
  | { readonly kind: 'incomplete' }
  /** No ClientHello: OpenSSL knows what to answer. */
  | { readonly kind: 'other' };

const INCOMPLETE: HelloScan = { kind: 'incomplete' };
const OTHER: HelloScan = { kind: 'other' };

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const RECORD_HEAD = 5;
const MESSAGE_HEAD = 4;
/** A record's largest payload (RFC 8446, 5.1). */
const MAX_RECORD = 16_384;
/** A ClientHello's largest size that OpenSSL takes, too. */
const MAX_HELLO = 131_396;
const MAX_RECORDS = 256;

/** More bytes than this are never asked for. */
export const MAX_HELLO_BYTES = MAX_HELLO + MAX_RECORDS * RECORD_HEAD;

/** Finds the name that a client asks for (RFC 8446, 4.1.2; RFC 6066, 3), over records if need be. */
export function scanClientHello(bytes: Buffer): HelloScan {
  const parts: Buffer[] = [];
  let have = 0;
  let wanted = MESSAGE_HEAD;
  for (let at = 0, records = 0; have < wanted; records++) {
    if (at < bytes.length && bytes[at] !== HANDSHAKE_RECORD) return OTHER;
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return OTHER;
    if (at + RECORD_HEAD > bytes.length) return INCOMPLETE;
    const size = bytes.readUInt16BE(at + 3);
    if (size === 0 || size > MAX_RECORD || records >= MAX_RECORDS) return OTHER;
    const part = bytes.subarray(at + RECORD_HEAD, at + RECORD_HEAD + size);
    parts.push(part);
    have += part.length;
    if (wanted === MESSAGE_HEAD && have >= MESSAGE_HEAD) {
      const head = parts.length === 1 ? part : Buffer.concat(parts);
      if (head[0] !== CLIENT_HELLO) return OTHER;
      wanted = MESSAGE_HEAD + head.readUIntBE(1, 3);
      if (wanted > MAX_HELLO) return OTHER;
    }
    if (have < wanted && part.length < size) return INCOMPLETE;
    at += RECORD_HEAD + size;
  }
  const message = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  try {
    return { kind: 'hello', serverName: serverNameOf(message.subarray(MESSAGE_HEAD, wanted)) };
  } catch (error) {
    if (error instanceof RangeError) return OTHER;
    throw error;
  }
}

/** Throws RangeError where a length leads beyond the end. */
function serverNameOf(hello: Buffer): string | undefined {
  // Version and random, then three vectors with a length in front of each.
  let at = 34;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  if (at >= hello.length) return undefined;
  const end = at + 2 + hello.readUInt16BE(at);
  at += 2;
  while (at < end) {
    const type = hello.readUInt16BE(at);
    const size = hello.readUInt16BE(at + 2);
    at += 4;
    if (type === SERVER_NAME) return hostIn(hello, at, at + size);
    at += size;
  }
  return undefined;
}

function hostIn(hello: Buffer, from: number, end: number): string | undefined {
  if (end > hello.length) throw new RangeError('a length beyond the end');
  for (let at = from + 2; at < end; ) {
    const type = hello.readUInt8(at);
    const size = hello.readUInt16BE(at + 1);
    at += 3;
    if (at + size > end) throw new RangeError('a length beyond the end');
    if (type === HOST_NAME) return hello.toString('latin1', at, at + size);
    at += size;
  }
  return undefined;
}
