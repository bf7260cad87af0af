import type { TlsFacts } from '../samples/scope.ts';
import type { Carrier } from './carrier.ts';
import type { TlsLayer } from './tls-layer.ts';
import { verifyNumber } from './verify-errors.ts';

/** OpenSSL's number for the verification of the peer's certificate; 0 = well, or there is none. */
export function verifyResult(layer: TlsLayer | undefined): number {
  const error = layer?.verifyError() ?? null;
  return error === null ? 0 : verifyNumber(error.code);
}

/** The runtime tells a client its server's certificate once: asked again, it has the next above it. */
const peers = new WeakMap<Carrier, { readonly raw: Uint8Array | undefined }>();

function peerOf(carrier: Carrier): Uint8Array | undefined {
  let known = peers.get(carrier);
  if (!known) {
    known = { raw: carrier.layer?.getPeerX509Certificate()?.raw() };
    peers.set(carrier, known);
  }
  return known.raw;
}

/** A connection's TLS facts, asked of its layer when somebody wants them. */
export class TlsState implements TlsFacts {
  readonly carrier: Carrier;
  readonly sni: string | undefined;
  readonly protocol: string;

  constructor(carrier: Carrier) {
    this.carrier = carrier;
    this.sni = carrier.layer?.getServername() || undefined;
    this.protocol = carrier.layer?.getProtocol() ?? '';
  }

  get cipher(): string {
    return this.carrier.layer?.getCipher()?.name ?? '';
  }

  get alpn(): string | undefined {
    return this.carrier.layer?.getALPNNegotiatedProtocol() || undefined;
  }

  get resumed(): boolean {
    return this.carrier.layer?.isSessionReused() ?? false;
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
    return peerOf(this.carrier);
  }

  get ownCertificate(): Uint8Array | undefined {
    return this.carrier.layer?.getX509Certificate()?.raw();
  }

  get verifyResult(): number | undefined {
    // Nobody who showed nothing failed at it.
    return this.peerCertificate === undefined ? 0 : verifyResult(this.carrier.layer);
  }
}
