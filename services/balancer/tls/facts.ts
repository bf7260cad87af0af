import type { TLSSocket } from 'node:tls';
import type { TlsFacts } from '../samples/scope.ts';
import { verifyNumber } from './verify-errors.ts';

/** What the runtime's socket has beside its documented methods. */
interface Inside {
  readonly _handle: { verifyError(): Error | null } | null;
}

/** OpenSSL's number for the verification of the peer's certificate; 0 = well, or there is none. */
export function verifyResult(socket: TLSSocket): number {
  const error = (socket as unknown as Inside)._handle?.verifyError() ?? null;
  return error === null ? 0 : verifyNumber((error as NodeJS.ErrnoException).code);
}

/** The runtime tells a client its server's certificate once: asked again, it has the next above it. */
const peers = new WeakMap<TLSSocket, { readonly raw: Uint8Array | undefined }>();

function peerOf(socket: TLSSocket): Uint8Array | undefined {
  let known = peers.get(socket);
  if (!known) {
    known = { raw: socket.getPeerX509Certificate()?.raw };
    peers.set(socket, known);
  }
  return known.raw;
}

/** A connection's TLS facts, asked of the socket when somebody wants them. */
export class SocketFacts implements TlsFacts {
  readonly socket: TLSSocket;
  readonly sni: string | undefined;
  readonly protocol: string;

  constructor(socket: TLSSocket) {
    this.socket = socket;
    const { servername } = socket as unknown as { servername?: unknown };
    this.sni = typeof servername === 'string' && servername !== '' ? servername : undefined;
    this.protocol = socket.getProtocol() ?? '';
  }

  get cipher(): string {
    return this.socket.getCipher()?.name ?? '';
  }

  get alpn(): string | undefined {
    return this.socket.alpnProtocol || undefined;
  }

  get resumed(): boolean {
    return this.socket.isSessionReused();
  }

  get keySize(): number | undefined {
    const { cipher } = this;
    if (cipher.includes('CHACHA20')) return 256;
    if (cipher.includes('3DES') || cipher.includes('CBC3')) return 168;
    const found = /AES_?(128|256)|CAMELLIA(128|256)|ARIA(128|256)/.exec(cipher);
    const bits = found?.[1] ?? found?.[2] ?? found?.[3];
    return bits === undefined ? undefined : Number(bits);
  }

  get peerCertificate(): Uint8Array | undefined {
    return peerOf(this.socket);
  }

  get ownCertificate(): Uint8Array | undefined {
    return this.socket.getX509Certificate()?.raw;
  }

  get verifyResult(): number | undefined {
    // Nobody who showed nothing failed at it.
    return this.peerCertificate === undefined ? 0 : verifyResult(this.socket);
  }
}
