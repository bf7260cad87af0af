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

  get clientCertificate(): Uint8Array | undefined {
    return this.socket.getPeerX509Certificate()?.raw;
  }

  get verifyResult(): number | undefined {
    return verifyResult(this.socket);
  }
}
