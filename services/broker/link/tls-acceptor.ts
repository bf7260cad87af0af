import type { Socket } from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { describeError, systemCode } from '#core/errors.ts';
import type { Arrival } from './arrival.ts';
import type { TlsSettings } from './tls-settings.ts';

export interface TlsAcceptorOptions {
  settings: TlsSettings;
  /** Longest handshake, milliseconds. */
  handshakeTimeout: () => number;
  /** A client did not get through the handshake. */
  refused: (arrival: Arrival, why: string) => void;
}

type Secured = (socket: TLSSocket, certificateUser: string | undefined) => void;

interface Waiting {
  arrival: Arrival;
  secured: Secured;
}

/**
 * TLS on sockets that are accepted already (a PROXY header may have come first). Certificates are
 * replaced for the connections to come; those that stand go on with theirs.
 */
export class TlsAcceptor {
  readonly #options: TlsAcceptorOptions;
  /** Handshakes that go on, by the peer's address and port. */
  readonly #waiting = new Map<string, Waiting>();
  #settings: TlsSettings;
  #server: tls.Server | undefined;

  constructor(options: TlsAcceptorOptions) {
    this.#options = options;
    this.#settings = options.settings;
  }

  /** Takes new certificates. */
  replace(settings: TlsSettings): void {
    this.#settings = settings;
    this.#server = undefined;
  }

  accept(socket: Socket, arrival: Arrival, secured: Secured): void {
    const key = peerOf(socket);
    this.#waiting.set(key, { arrival, secured });
    socket.once('close', () => {
      // After a moment the system may have given the port to the next one.
      if (this.#waiting.get(key)?.arrival === arrival) this.#waiting.delete(key);
    });
    this.#server ??= this.#create(this.#settings);
    this.#server.emit('connection', socket);
  }

  /** A server that never listens: it only carries handshakes. */
  #create(settings: TlsSettings): tls.Server {
    const handshakeTimeout = this.#options.handshakeTimeout();
    const { clientCertificate } = settings;
    const server = tls.createServer({
      ...settings.context,
      minVersion: 'TLSv1.2',
      handshakeTimeout,
      requestCert: clientCertificate !== 'none',
      // Judged below, where the reason can be told.
      rejectUnauthorized: false,
    });
    server.on('secureConnection', (socket) => this.#secured(socket, settings));
    server.on('tlsClientError', (error, socket) => {
      // Destroyed, it does not know its peer any more.
      const waiting = this.#take(socket);
      socket.destroy();
      // Who hangs up within the handshake is no news: port scans and health checks do.
      if (waiting === undefined || systemCode(error) === 'ECONNRESET') return;
      this.#options.refused(waiting.arrival, inWords(error));
    });
    return server;
  }

  #secured(socket: TLSSocket, settings: TlsSettings): void {
    const waiting = this.#take(socket);
    if (waiting === undefined) {
      socket.destroy();
      return;
    }
    const { arrival, secured } = waiting;
    // With TLS 1.3 a client judges our certificate when the handshake is over on this side.
    socket.once('error', (error) => {
      if (systemCode(error)?.startsWith('ERR_SSL_') === true) {
        this.#options.refused(arrival, inWords(error));
      }
    });
    socket.on('error', nothing);
    const refuse = (why: string): void => {
      this.#options.refused(arrival, why);
      socket.destroy();
    };
    if (settings.clientCertificate === 'none') {
      secured(socket, undefined);
      return;
    }
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) {
      if (settings.clientCertificate === 'required') refuse('no client certificate');
      else secured(socket, undefined);
      return;
    }
    if (!socket.authorized) {
      refuse(`client certificate: ${String(socket.authorizationError)}`);
      return;
    }
    const user = settings.userOf(certificate);
    if (user === undefined) refuse(`client certificate: it has no ${settings.user}`);
    else secured(socket, user);
  }

  #take(socket: TLSSocket): Waiting | undefined {
    const key = peerOf(socket);
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    return waiting;
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** OpenSSL's reasons for the common cases, said so that the owner knows what to mend. */
const REASONS: Record<string, string> = {
  ERR_SSL_WRONG_VERSION_NUMBER: 'no TLS: the client speaks plain text',
  ERR_SSL_HTTP_REQUEST: 'no TLS: the client speaks plain HTTP',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'no TLS: the client speaks plain text',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'TLS older than 1.2',
  ERR_SSL_NO_SHARED_CIPHER: 'no cipher in common',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "the client does not know our certificate's authority",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'the client does not accept our certificate',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'the handshake took too long',
};

function inWords(error: Error): string {
  const code = systemCode(error) ?? '';
  return REASONS[code] ?? describeError(error).trim();
}

const nothing = (): void => {};
