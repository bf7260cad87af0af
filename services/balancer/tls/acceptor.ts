import net from 'node:net';
import tls from 'node:tls';
import type { TcpHandle } from '../tcp/handle.ts';
import { Ticket, type TimerWheel, wheelNow } from '../tcp/timer-wheel.ts';
import { CertificateChoice } from './choice.ts';
import type { BindTls } from './config.ts';
import { SocketFacts, verifyResult } from './facts.ts';
import { SessionCache } from './session-cache.ts';

/** How a handshake went wrong, in the words of HAProxy's log. */
export type HandshakeFault =
  | 'Connection closed during SSL handshake'
  | 'Connection error during SSL handshake'
  | 'Timeout during SSL handshake'
  | 'SSL handshake failure'
  | 'SSL client certificate not trusted';

export interface Handshake {
  /** Its first bytes, where a PROXY header's read brought them along. */
  readonly head: Buffer | undefined;
  /** Milliseconds. */
  readonly limit: number;
  /** Called once. The socket is the receiver's; it has an error listener of ours. */
  readonly done: (result: SocketFacts | HandshakeFault) => void;
}

/** Makes TLS connections of accepted ones, for all addresses of a `bind` line. */
export class TlsAcceptor {
  readonly #bind: BindTls;
  readonly #choice: CertificateChoice;
  readonly #options: tls.TLSSocketOptions;

  /** Throws when OpenSSL refuses the certificates or ciphers; `config/` has tried. */
  constructor(bind: BindTls) {
    this.#bind = bind;
    this.#choice = new CertificateChoice(bind);
    const { alpn, verify, protocol } = bind;
    this.#options = {
      isServer: true,
      secureContext: this.#choice.fallback,
      requestCert: verify !== 'none',
      // Without a certificate the handshake itself fails; a bad one is judged behind it.
      rejectUnauthorized: verify === 'required',
      ...(alpn && { ALPNProtocols: [...alpn] }),
      ...(!this.#choice.single && { SNICallback: this.#choose }),
      ...(!protocol.tickets && { server: new SessionCache(bind).server }),
    };
  }

  /** Takes over the handle, which nobody reads yet. */
  accept(handle: TcpHandle, wheel: TimerWheel, { head, limit, done }: Handshake): void {
    // How net.Server makes its sockets.
    const inside: object = { handle, allowHalfOpen: true, pauseOnCreate: true };
    const raw = new net.Socket({ ...inside, readable: true, writable: true });
    if (head) raw.unshift(head);
    const socket = new tls.TLSSocket(raw, this.#options);
    let open = true;
    const settle = (result: SocketFacts | HandshakeFault): void => {
      if (!open) return;
      open = false;
      wheel.clear(ticket);
      socket.off('end', ended);
      if (typeof result === 'string') socket.destroy();
      done(result);
    };
    const ticket = new Ticket({
      due: () => {
        settle('Timeout during SSL handshake');
        return 0;
      },
    });
    const ended = (): void => settle('Connection closed during SSL handshake');
    socket.on('error', (error) => settle(faultOf(error)));
    socket.on('_tlsError', (error: Error) => settle(faultOf(error)));
    socket.on('end', ended);
    socket.once('close', ended);
    socket.once('secure', () => {
      if (!open) return;
      const { verify, ignoredErrors } = this.#bind;
      const result = verify === 'none' || ignoredErrors === 'all' ? 0 : verifyResult(socket);
      if (result !== 0 && ignoredErrors !== 'all' && !ignoredErrors.has(result)) {
        // A client that shows nothing is as good as one that was not asked, if it may do so.
        if (verify === 'required' || socket.getPeerX509Certificate()) {
          settle('SSL client certificate not trusted');
          return;
        }
      }
      socket.off('close', ended);
      releaseControl(socket);
      settle(new SocketFacts(socket));
    });
    wheel.set(ticket, wheelNow() + limit);
  }

  readonly #choose = (
    name: string,
    give: (error: Error | null, context?: tls.SecureContext) => void,
  ): void => give(null, this.#choice.find(name));
}

const acceptors = new WeakMap<BindTls, TlsAcceptor>();

/** The one acceptor of a `bind` line, whatever the number of its addresses. */
export function acceptorFor(bind: BindTls): TlsAcceptor {
  let acceptor = acceptors.get(bind);
  if (!acceptor) {
    acceptor = new TlsAcceptor(bind);
    acceptors.set(bind, acceptor);
  }
  return acceptor;
}

/** From here on errors are the socket's own, as tls.Server does once a connection stands. */
function releaseControl(socket: tls.TLSSocket): void {
  (socket as unknown as { _releaseControl(): boolean })._releaseControl();
}

function faultOf(error: Error): HandshakeFault {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'Connection error during SSL handshake';
  return 'SSL handshake failure';
}
