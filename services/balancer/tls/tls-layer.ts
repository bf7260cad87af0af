import type { SecureContext } from 'node:tls';
import type { TcpHandle } from '../tcp/handle.ts';

/**
 * The runtime's TLS over a system's socket, one layer below `tls.TLSSocket`: a connection there
 * takes two streams less. The layer is internal to Node, hence pinned with it; what is used of it
 * is named here alone. Once `destroySSL` was called, nothing else may be.
 */
export interface TlsLayer extends TcpHandle {
  /** The socket below. */
  _parent?: TcpHandle;
  /** Called from within the handshake's last read. */
  onhandshakedone?: (() => void) | undefined;
  /** What the peer sent is no TLS, or is refused. */
  onerror?: (this: TlsLayer, error: NodeJS.ErrnoException) => void;
  /** Takes bytes that were read already. */
  receive(bytes: Buffer): void;
  setVerifyMode(request: boolean, demand: boolean): void;
  setALPNProtocols(list: Buffer): void;
  destroySSL(): void;
  getProtocol(): string;
  getCipher(): { name: string } | undefined;
  getServername(): string | false;
  getALPNNegotiatedProtocol(): string | false;
  isSessionReused(): boolean;
  verifyError(): NodeJS.ErrnoException | null;
  getPeerX509Certificate(): X509Handle | undefined;
  getX509Certificate(): X509Handle | undefined;
}

interface X509Handle {
  /** DER. */
  raw(): Buffer;
}

interface TlsBinding {
  wrap(below: TcpHandle, context: unknown, server: boolean, busy: boolean): TlsLayer;
}

const { wrap } = (process as unknown as { binding(name: 'tls_wrap'): TlsBinding }).binding(
  'tls_wrap',
);

/** The server's side of TLS over a socket that nobody reads. */
export function serverLayer(below: TcpHandle, secured: SecureContext): TlsLayer {
  below.onread = ignore;
  const layer = wrap(below, secured.context, true, false);
  layer._parent = below;
  // The socket lives until it is closed, and the layer has to live as long.
  below.owner = layer;
  return layer;
}

const ignore = (): undefined => undefined;
