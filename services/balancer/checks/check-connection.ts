import net from 'node:net';
import type tls from 'node:tls';
import type { Address, ServerConfig } from '../model.ts';
import { encodeCheckHeader, encodeProxyHeader } from '../tcp/proxy-header.ts';
import { isGranted, SOCKS_ANSWER, socksRequest } from '../tcp/socks.ts';
import type { ServerTls } from '../tls/config.ts';
import { startTls } from '../tls/outgoing.ts';
import { endsOf } from './running-check.ts';
import type { ConnectStep } from './steps.ts';

/** TLS of one connection: how, by which name, and for which protocols. */
interface WantedTls {
  line: ServerTls;
  name: string | undefined;
}

/** For `connect ssl` where the server's line says nothing of TLS: nobody's certificate is looked at. */
const UNVERIFIED: ServerTls = {
  protocol: {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: undefined,
    ciphersuites: undefined,
    curves: undefined,
    tickets: true,
  },
  verify: false,
  authorities: [],
  crls: [],
  certificate: undefined,
  alpn: undefined,
  sni: undefined,
  verifyHost: undefined,
  reuse: false,
};

/** Lines with other protocols than their own, kept because each has a context of its own. */
const variants = new WeakMap<ServerTls, Map<string, ServerTls>>();

function withProtocols(line: ServerTls, protocols: readonly string[]): ServerTls {
  const key = protocols.join(',');
  if (key === (line.alpn ?? []).join(',')) return line;
  const known = variants.get(line) ?? new Map<string, ServerTls>();
  variants.set(line, known);
  const made = known.get(key) ?? { ...line, alpn: protocols.length > 0 ? protocols : undefined };
  known.set(key, made);
  return made;
}

/** Longest time for the end of a connection, milliseconds. */
const LINGER = 2000;

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
  /** A PROXY header went out. */
  #introduced = false;

  constructor(server: ServerConfig, step: ConnectStep, events: ConnectionEvents) {
    const { check } = server;
    this.#server = server;
    this.#step = step;
    this.#events = events;
    const to = {
      host: step.addr ?? check?.addr ?? server.host,
      port: step.port ?? check?.port ?? server.port,
    };
    const through =
      step.viaSocks4 || (step.defaults && server.socks4?.checked) ? server.socks4 : undefined;
    const { host, port } = through ?? to;
    this.#socket = net.connect({ host, port, noDelay: true, allowHalfOpen: true });
    this.#socket.once('connect', () => {
      if (through) this.#pass(to);
      else this.#connected();
    });
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

  /**
   * Ends it: by a reset, so that no port lingers, or in good order where the step asks for that or
   * a reset would take back what the server has not read yet (a PROXY header, the end of a
   * handshake).
   */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    const socket = this.#socket;
    const stream = this.#secure ?? socket;
    stream.on('error', () => {});
    if (socket.connecting || this.layer === 6) socket.destroy();
    else if (!this.#step.linger && !this.#secure && !this.#introduced) socket.resetAndDestroy();
    else {
      // Unread bytes would turn the FIN into a reset.
      stream.resume();
      stream.end();
      const limit = setTimeout(() => socket.destroy(), LINGER);
      stream.once('finish', () => stream.destroy());
      stream.once('close', () => clearTimeout(limit));
    }
  }

  /** Through the SOCKS 4 proxy at the other end. */
  #pass(to: Address): void {
    if (!this.#open) return;
    const request = socksRequest(to);
    let got = Buffer.alloc(0);
    const take = (chunk: Buffer): void => {
      got = Buffer.concat([got, chunk]);
      if (got.length < SOCKS_ANSWER) return;
      this.#socket.off('data', take);
      this.#socket.off('end', refused);
      if (!isGranted(got)) {
        refused();
        return;
      }
      if (got.length > SOCKS_ANSWER) this.#socket.unshift(got.subarray(SOCKS_ANSWER));
      this.#connected();
    };
    const refused = (): void => this.#failed(new Error('the SOCKS proxy refused the connection'));
    if (!request) {
      refused();
      return;
    }
    this.#socket.once('end', refused);
    this.#socket.on('data', take);
    this.#socket.write(request);
  }

  #connected(): void {
    if (!this.#open) return;
    const header = this.#proxyHeader();
    if (header) {
      this.#introduced = true;
      this.#socket.write(header);
    }
    const wanted = this.#tls();
    if (!wanted) {
      this.#ready(this.#socket);
      return;
    }
    this.layer = 6;
    this.#events.secured();
    const secure = startTls(this.#socket, wanted.line, wanted.name);
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

  #tls(): WantedTls | undefined {
    const { tls: own, sni, alpn, defaults } = this.#step;
    const config = this.#server.check?.tls;
    const checked = defaults ? config : undefined;
    if (!own && !checked) return undefined;
    const line = config?.line ?? this.#server.tls ?? UNVERIFIED;
    const protocols = alpn.length > 0 ? alpn : (checked?.alpn ?? []);
    return {
      line: withProtocols(line, protocols),
      name: sni ?? checked?.servername,
    };
  }
}
