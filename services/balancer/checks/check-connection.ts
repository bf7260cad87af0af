import net from 'node:net';
import tls from 'node:tls';
import type { ServerConfig } from '../model.ts';
import { encodeCheckHeader, encodeProxyHeader } from '../tcp/proxy-header.ts';
import { endsOf } from './running-check.ts';
import type { ConnectStep } from './steps.ts';

export interface CheckTls {
  /** Where the certificate is looked at; undefined = nobody looks. */
  ca: string | Buffer | undefined;
  verify: boolean;
  servername: string | undefined;
  alpn: readonly string[];
}

/** How far a connection has come. */
export type Layer = 4 | 6 | 7;

export interface ConnectionEvents {
  /** It stands, with TLS where there is some. */
  ready(): void;
  /** Layer 4 stands and the handshake of layer 6 begins. */
  secured(): void;
  data(chunk: Buffer): void;
  end(): void;
  failed(error: Error): void;
}

/** One connection of a check, which tells nothing more once it is closed. */
export class CheckConnection {
  layer: Layer = 4;
  readonly #socket: net.Socket;
  readonly #step: ConnectStep;
  readonly #server: ServerConfig;
  readonly #events: ConnectionEvents;
  #secure: tls.TLSSocket | undefined;
  #open = true;

  constructor(server: ServerConfig, step: ConnectStep, events: ConnectionEvents) {
    const { check } = server;
    this.#server = server;
    this.#step = step;
    this.#events = events;
    this.#socket = net.connect({
      host: step.addr ?? check?.addr ?? server.host,
      port: step.port ?? check?.port ?? server.port,
      noDelay: true,
      allowHalfOpen: true,
    });
    this.#socket.once('connect', () => this.#connected());
    this.#socket.on('error', (error) => this.#failed(error));
  }

  /** Whether TLS protects it. */
  get secure(): boolean {
    return this.#secure !== undefined;
  }

  write(data: Buffer): void {
    (this.#secure ?? this.#socket).write(data);
  }

  pause(): void {
    (this.#secure ?? this.#socket).pause();
  }

  resume(): void {
    (this.#secure ?? this.#socket).resume();
  }

  /** Ends it: by a reset, so that no port lingers, or in good order where the step asks for that. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    const socket = this.#socket;
    this.#secure?.on('error', () => {});
    if (socket.connecting) socket.destroy();
    else if (!this.#step.linger) socket.resetAndDestroy();
    else {
      // Unread bytes would turn the FIN into a reset.
      socket.resume();
      socket.end(() => socket.destroy());
    }
  }

  #connected(): void {
    if (!this.#open) return;
    const header = this.#proxyHeader();
    if (header) this.#socket.write(header);
    const wanted = this.#tls();
    if (!wanted) {
      this.#ready(this.#socket);
      return;
    }
    this.layer = 6;
    this.#events.secured();
    const { ca, verify, servername, alpn } = wanted;
    const secure = tls.connect({
      socket: this.#socket,
      rejectUnauthorized: verify,
      ...(ca === undefined ? {} : { ca }),
      ...(servername === undefined ? {} : { servername }),
      ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
    });
    this.#secure = secure;
    secure.once('secureConnect', () => this.#ready(secure));
    secure.on('error', (error) => this.#failed(error));
    secure.once('close', () => {
      if (this.layer === 6) this.#failed(new Error('the server closed during the handshake'));
    });
  }

  #ready(socket: net.Socket): void {
    if (!this.#open) return;
    this.layer = 7;
    socket.on('data', (chunk: Buffer) => {
      if (this.#open) this.#events.data(chunk);
    });
    socket.on('end', () => {
      if (this.#open) this.#events.end();
    });
    this.#events.ready();
  }

  #failed(error: Error): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.destroy();
    this.#events.failed(error);
  }

  #proxyHeader(): Buffer | undefined {
    const { sendProxy, defaults } = this.#step;
    const { check, sendProxy: version } = this.#server;
    if (sendProxy) return encodeProxyHeader('v1', endsOf(this.#socket));
    if (!defaults || !check?.sendProxy) return undefined;
    return encodeCheckHeader(version ?? 'v1', endsOf(this.#socket));
  }

  #tls(): CheckTls | undefined {
    const { tls: own, sni, alpn, defaults } = this.#step;
    const { check } = this.#server;
    const wanted = own || (defaults && check?.tls !== undefined);
    if (!wanted) return undefined;
    const base = check?.tls;
    return {
      ca: base?.ca,
      verify: base?.verify ?? false,
      servername: sni ?? (defaults ? base?.servername : undefined),
      alpn: alpn.length > 0 ? alpn : defaults ? (base?.alpn ?? []) : [],
    };
  }
}
