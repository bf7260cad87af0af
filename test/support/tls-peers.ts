import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';

/** What one client saw of a TLS listener. */
export interface TlsOutcome {
  /** Common name of the certificate that answered; undefined = no handshake. */
  subject: string | undefined;
  protocol: string | null;
  alpn: string | false | null;
  resumed: boolean;
  text: string;
  /** The session for another connection. */
  session: Buffer | undefined;
}

export interface TlsTalk extends tls.ConnectionOptions {
  /** Sent once the connection stands. */
  send?: string | undefined;
  /** Sent in the clear before the handshake. */
  preface?: string | undefined;
}

/** Connects, sends, and takes what comes until the other side ends or is quiet. */
export async function tlsTalk(
  port: number,
  { send, preface, ...how }: TlsTalk,
): Promise<TlsOutcome> {
  const raw = net.connect(port, '127.0.0.1');
  await once(raw, 'connect');
  if (preface !== undefined) raw.write(preface);
  const socket = tls.connect({ socket: raw, rejectUnauthorized: false, ...how });
  const outcome: TlsOutcome = {
    subject: undefined,
    protocol: null,
    alpn: null,
    resumed: false,
    text: '',
    session: undefined,
  };
  let last = Date.now();
  let over = false;
  socket.on('secureConnect', () => {
    const { CN } = socket.getPeerCertificate().subject ?? {};
    outcome.subject = Array.isArray(CN) ? CN[0] : CN;
    outcome.protocol = socket.getProtocol();
    outcome.alpn = socket.alpnProtocol;
    outcome.resumed = socket.isSessionReused();
    last = Date.now();
    if (send !== undefined) socket.write(send);
  });
  socket.on('session', (session) => {
    outcome.session = session;
  });
  socket.on('data', (data: Buffer) => {
    outcome.text += data.toString('latin1');
    last = Date.now();
  });
  for (const event of ['end', 'close', 'error']) {
    socket.on(event, () => {
      over = true;
    });
  }
  const started = Date.now();
  while (!over && Date.now() - started < 5000) {
    const quiet = Date.now() - last;
    if (outcome.text !== '' && quiet > 60) break;
    if (send === undefined && outcome.subject !== undefined && quiet > 60) break;
    await sleep(5);
  }
  socket.destroy();
  raw.destroy();
  return outcome;
}

/** A TLS server of a test that answers each request with what it knows of its client. */
export class TlsOrigin {
  readonly #server: tls.Server;
  /** Cleartext that came before each handshake. */
  readonly prefaces: string[] = [];
  connections = 0;
  #outer: net.Server | undefined;
  #port = 0;

  constructor(options: tls.TlsOptions, { preface = false } = {}) {
    this.#server = tls.createServer(options, (socket) => {
      this.connections += 1;
      socket.on('error', () => undefined);
      socket.on('data', (data: Buffer) => {
        const name = (socket as { servername?: string | false }).servername || '-';
        const { subject } = socket.getPeerCertificate();
        const body = `${name} ${subject?.CN ?? '-'} ${socket.isSessionReused()}\n`;
        if (!data.toString('latin1').includes(' HTTP/1.')) socket.write(body);
        else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      });
    });
    this.#server.on('tlsClientError', () => undefined);
    if (preface) {
      // The line in front is taken off before the handshake begins.
      this.#outer = net.createServer((raw) => {
        raw.once('readable', () => {
          const first: Buffer = raw.read() ?? Buffer.alloc(0);
          const end = first.indexOf('\r\n') + 2;
          this.prefaces.push(first.toString('latin1', 0, end));
          if (first.length > end) raw.unshift(first.subarray(end));
          this.#server.emit('connection', raw);
        });
        raw.on('error', () => undefined);
      });
    }
  }

  get port(): number {
    return this.#port;
  }

  async start(): Promise<this> {
    const server = this.#outer ?? this.#server;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as net.AddressInfo).port;
    return this;
  }

  stop(): void {
    this.#outer?.close();
    this.#server.close();
  }
}
