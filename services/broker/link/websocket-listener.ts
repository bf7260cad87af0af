import http from 'node:http';
import type { Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Service } from '#core/lifecycle.ts';
import { type Accepted, Listener, type ListenerOptions } from './listener.ts';
import { PROXY_HEADER_MAX } from './proxy-v2.ts';
import { WebSocketTransport } from './websocket.ts';

/** Path of MQTT over WebSocket; `/` too, since clients differ. */
const WEBSOCKET_PATHS = new Set(['/', '/mqtt']);
/** Sockets that may be on their way to a WebSocket at a time. */
const UPGRADING_MAX = 1_024;

interface Upgrading extends Accepted {
  overdue: NodeJS.Timeout;
}

/** Accepts MQTT over WebSocket, subprotocol `mqtt` ([MQTT-6.0.0-3]), with or without TLS. */
export class WebSocketListener implements Service {
  readonly #options: ListenerOptions;
  readonly #listener: Listener;
  readonly #webSockets: WebSocketServer;
  #http: http.Server | undefined;
  /** Sockets that have not asked for WebSocket yet. */
  readonly #upgrading = new Map<Socket, Upgrading>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#listener = new Listener(options, (accepted, rest) => this.#accept(accepted, rest));
    this.#webSockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : false),
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  async start(): Promise<void> {
    const upgrades = http.createServer((_, response) => {
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
      this.#webSockets.options.maxPayload = this.#options.packet + PROXY_HEADER_MAX;
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.#upgraded(socket as Socket, webSocket);
      });
    });
    this.#http = upgrades;
    await this.#listener.start();
  }

  async close(): Promise<void> {
    await this.#listener.close();
    this.#http?.closeIdleConnections();
  }

  destroy(): void {
    this.#listener.destroy();
    this.#http?.closeAllConnections();
  }

  #accept(accepted: Accepted, rest: Buffer): void {
    const { socket } = accepted;
    if (this.#upgrading.size >= UPGRADING_MAX) {
      socket.destroy();
      return;
    }
    // The HTTP server's own timeouts belong to its own listener, which this is not.
    const overdue = setTimeout(() => socket.destroy(), this.#options.connectTimeout);
    this.#upgrading.set(socket, { ...accepted, overdue });
    socket.once('close', () => this.#settle(socket));
    this.#http!.emit('connection', socket);
    if (rest.length > 0) socket.unshift(rest);
  }

  #upgraded(socket: Socket, webSocket: WebSocket): void {
    const accepted = this.#settle(socket);
    if (accepted === undefined) webSocket.terminate();
    else this.#options.onTransport(new WebSocketTransport(webSocket, accepted));
  }

  #settle(socket: Socket): Upgrading | undefined {
    const upgrading = this.#upgrading.get(socket);
    clearTimeout(upgrading?.overdue);
    this.#upgrading.delete(socket);
    return upgrading;
  }
}
