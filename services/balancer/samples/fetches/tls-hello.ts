export interface ClientHello {
  /** Of the handshake message; 1 = ClientHello. */
  readonly type: number;
  /** 0x0303 = TLS 1.2, and what later versions write here. */
  readonly version: number;
  readonly serverName: string | undefined;
  /** First protocol offered (RFC 7301). */
  readonly alpn: string | undefined;
}

/** Type of a record (RFC 8446, 5.1). */
export const HANDSHAKE = 22;
const SERVER_NAME = 0;
const ALPN = 16;

/** Reads the first TLS record of a client (RFC 8446, 4.1.2; RFC 6066, 3); undefined if not whole. */
export function readClientHello(bytes: Buffer | undefined): ClientHello | undefined {
  if (!bytes || bytes.length < 9 || bytes[0] !== HANDSHAKE || bytes[1] !== 3) return undefined;
  const end = 5 + bytes.readUInt16BE(3);
  if (end > bytes.length) return undefined;
  try {
    return parse(bytes.subarray(5, end));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function parse(message: Buffer): ClientHello {
  const type = message.readUInt8(0);
  // As HAProxy writes it: the major part in the upper 16 bits.
  const version = (message.readUInt8(4) << 16) | message.readUInt8(5);
  const found: { serverName?: string; alpn?: string } = {};
  let at = 38;
  at += 1 + message.readUInt8(at);
  at += 2 + message.readUInt16BE(at);
  at += 1 + message.readUInt8(at);
  if (at + 2 <= message.length) {
    const end = Math.min(message.length, at + 2 + message.readUInt16BE(at));
    at += 2;
    while (at + 4 <= end) {
      const kind = message.readUInt16BE(at);
      const size = message.readUInt16BE(at + 2);
      const body = message.subarray(at + 4, at + 4 + size);
      if (kind === SERVER_NAME && body.length >= 5) {
        found.serverName = body.toString('latin1', 5, 5 + body.readUInt16BE(3));
      } else if (kind === ALPN && body.length >= 3) {
        found.alpn = body.toString('latin1', 3, 3 + body.readUInt8(2));
      }
      at += 4 + size;
    }
  }
  return { type, version, serverName: found.serverName, alpn: found.alpn };
}
