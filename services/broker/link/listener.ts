import { once } from 'node:events';
import http from 'node:http';
import net, { type Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import { describeError } from '#core/errors.ts';
import type { Service } from '#core/lifecycle.ts';
import { listenError } from '#core/listen.ts';
import type { Logger } from '#core/log.ts';
import { PROXY_HEADER_MAX, parseProxyV2 } from './proxy-v2.ts';
import { TcpTransport, type Transport } from './transport.ts';
import type { TrustedAddresses } from './trusted.ts';
import { WebSocketTransport } from './websocket.ts';

export interface ListenerOptions {
  host: string;
  port: number;
  /** A PROXY v2 header is required, and only from `trusted`. */
  proxyProtocol: boolean;
  trusted: TrustedAddresses;
  /** From accept to CONNECT, milliseconds; the PROXY header and upgrade are part of it. */
  connectTimeout: number;
  /** Largest WebSocket message, bytes. */
  packet: number;
  log: Logger;
  onTransport: (transport: Transport) => void;
}

/** Path of MQTT over WebSocket; `/` too, since clients differ. */
const WEBSOCKET_PATHS = new Set(['/', '/mqtt']);
/** Connections that the system queues for us, so that a reconnect storm is not refused. */
const BACKLOG = 4_096;
/** Sockets that may be on their way to a WebSocket at a time. */
const UPGRADING_MAX = 1_024;

/** Accepts MQTT over TCP. */
export class TcpListener implements Service {
  readonly #options: ListenerOptions;
  readonly #sockets = new Set<Socket>();
  #server: net.Server | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** The port that it got, where 0 was asked for. */
  get port(): number {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async start(): Promise<void> {
    const server = net.createServer((socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      acceptSocket(socket, this.#options, (rest, address, port) => {
        const transport = new TcpTransport(socket);
        if (address !== undefined) {
          transport.remoteAddress = address;
          transport.remotePort = port;
        }
        this.#options.onTransport(transport);
        if (rest.length > 0) transport.onData(rest);
      });
    });
    this.#server = await listening(server, this.#options, 'mqtt');
  }

  /** Stops accepting; connections belong to their owners. */
  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    server.close();
  }

  destroy(): void {
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Accepts MQTT over WebSocket, subprotocol `mqtt` ([MQTT-6.0.0-3]). */
export class WebSocketListener implements Service {
  readonly #options: ListenerOptions;
  #server: net.Server | undefined;
  #http: http.Server | undefined;
  /** Sockets that have not asked for WebSocket yet. */
  readonly #upgrading = new Map<Socket, NodeJS.Timeout>();

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  get port(): number {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async start(): Promise<void> {
    const { packet, connectTimeout, onTransport, log } = this.#options;
    const webSockets = new WebSocketServer({
      noServer: true,
      maxPayload: packet + PROXY_HEADER_MAX,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : false),
    });
    const upgrades = http.createServer({ headersTimeout: connectTimeout }, (_, response) => {
      response.writeHead(426, { connection: 'close', upgrade: 'websocket' });
      response.end('MQTT over WebSocket only\n');
    });
    upgrades.on('clientError', (_, socket) => socket.destroy());
    upgrades.on('upgrade', (request, socket, head) => {
      const path = (request.url ?? '/').split('?', 1)[0]!;
      const offered = String(request.headers['sec-websocket-protocol'] ?? '');
      const speaksMqtt = offered.split(',').some((name) => name.trim() === 'mqtt');
      if (!WEBSOCKET_PATHS.has(path) || !speaksMqtt) {
        const status = speaksMqtt ? '404 Not Found' : '400 Bad Request';
        socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.#settle(socket as Socket);
        const { address, port } = sourceOf(socket as Socket);
        onTransport(new WebSocketTransport(webSocket, address, port));
      });
    });
    const server = net.createServer((socket) => {
      socket.on('error', (error) => log.debug({ err: error }, describeError(error)));
      acceptSocket(socket, this.#options, (rest, address, port) => {
        if (this.#upgrading.size >= UPGRADING_MAX) {
          socket.destroy();
          return;
        }
        // The HTTP server's own timeouts belong to its own listener, which this is not.
        this.#upgrading.set(
          socket,
          setTimeout(() => socket.destroy(), connectTimeout),
        );
        socket.once('close', () => this.#settle(socket));
        if (address !== undefined) sources.set(socket, { address, port });
        upgrades.emit('connection', socket);
        if (rest.length > 0) socket.unshift(rest);
      });
    });
    this.#http = upgrades;
    this.#server = await listening(server, this.#options, 'websocket');
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    server.close();
    this.#http?.closeIdleConnections();
  }

  destroy(): void {
    this.#server?.close();
    for (const socket of this.#upgrading.keys()) socket.destroy();
    this.#http?.closeAllConnections();
  }

  #settle(socket: Socket): void {
    clearTimeout(this.#upgrading.get(socket));
    this.#upgrading.delete(socket);
  }
}

const sources = new WeakMap<Socket, { address: string; port: number }>();

function sourceOf(socket: Socket): { address: string; port: number } {
  const { remoteAddress: address = '', remotePort: port = 0 } = socket;
  return sources.get(socket) ?? { address, port };
}

async function listening(
  server: net.Server,
  { host, port }: ListenerOptions,
  what: string,
): Promise<net.Server> {
  server.listen({ host, port, backlog: BACKLOG });
  try {
    await once(server, 'listening');
  } catch (error) {
    throw listenError(error, host, port, what);
  }
  return server;
}

type Accepted = (rest: Buffer, address: string | undefined, port: number) => void;

/** Takes the PROXY header off the socket where one is required, then hands the socket on. */
function acceptSocket(socket: Socket, options: ListenerOptions, accepted: Accepted): void {
  const { proxyProtocol, trusted, connectTimeout, log } = options;
  if (!proxyProtocol) {
    accepted(Buffer.alloc(0), undefined, 0);
    return;
  }
  const peer = socket.remoteAddress ?? '';
  if (!trusted.includes(peer)) {
    log.warn({ peer }, 'connection refused: PROXY protocol from an address that is not trusted');
    socket.destroy();
    return;
  }
  let held: Buffer = Buffer.alloc(0);
  const overdue = setTimeout(() => socket.destroy(), connectTimeout);
  const failed = (): void => {
    clearTimeout(overdue);
    socket.destroy();
  };
  const onData = (chunk: Buffer): void => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    try {
      const header = parseProxyV2(held);
      if (header === undefined) return;
      clearTimeout(overdue);
      socket.off('data', onData);
      socket.off('error', failed);
      socket.off('close', failed);
      socket.off('end', failed);
      const rest = held.subarray(header.length);
      accepted(rest, header.source?.address, header.source?.port ?? 0);
    } catch (error) {
      log.warn({ peer, err: error }, `connection refused: ${describeError(error)}`);
      failed();
    }
  };
  socket.on('data', onData);
  socket.on('error', failed);
  socket.on('end', failed);
  socket.on('close', failed);
}
