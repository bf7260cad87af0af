import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Peer } from './tcp-peers.ts';

/** What an origin does with a request: bytes to send, one write each; null = FIN, 'rst' = RST. */
export type Script = readonly (string | null | 'rst')[];

export const OK: Script = ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'];

/** An HTTP server that answers each head it sees with the script of the moment, and keeps all. */
export class Origin {
  script: Script = OK;
  received = '';
  readonly peer: Peer;

  constructor(name = 'origin') {
    this.peer = new Peer(name, (socket) => this.#serve(socket));
  }

  get port(): number {
    return this.peer.port;
  }

  start(): Promise<Peer> {
    return this.peer.start();
  }

  #serve(socket: net.Socket): void {
    let pending = '';
    socket.on('data', (data: Buffer) => {
      const text = data.toString('latin1');
      this.received += text;
      pending += text;
      if (!pending.includes('\r\n\r\n')) return;
      pending = '';
      for (const part of this.script) {
        if (part === null) socket.end();
        else if (part === 'rst') socket.resetAndDestroy();
        else socket.write(part, 'latin1');
      }
    });
    socket.on('end', () => socket.end());
  }
}

export interface Outcome {
  /** All that came back. */
  text: string;
  /** How the connection stood at the end. */
  end: 'open' | 'fin' | 'rst';
}

export interface Talk {
  /** FIN behind the last piece. */
  fin?: boolean;
  /** Longest wait for more, milliseconds. */
  limit?: number;
  /** Silence after which an answer counts as whole, milliseconds. */
  quiet?: number;
}

/** Sends the pieces one after the other and gathers what comes back. */
export async function talk(
  port: number,
  pieces: readonly string[],
  how: Talk = {},
): Promise<Outcome> {
  const { fin = false, limit = 600, quiet = 60 } = how;
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  let end: Outcome['end'] = 'open';
  let last = Date.now();
  socket.on('data', (data: Buffer) => {
    text += data.toString('latin1');
    last = Date.now();
  });
  socket.on('end', () => {
    end = 'fin';
  });
  socket.on('error', () => {
    end = 'rst';
  });
  const isOpen = (): boolean => end === 'open';
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await sleep(25);
    socket.write(piece, 'latin1');
  }
  if (fin) {
    // Behind the connection to the server, so that it is no race.
    if (pieces.length > 0) await sleep(25);
    socket.end();
  }
  last = Date.now();
  for (const started = Date.now(); isOpen() && Date.now() - started < limit; await sleep(5)) {
    if (text !== '' && Date.now() - last > quiet) break;
  }
  socket.destroy();
  return { text, end };
}

export interface Answer {
  status: number;
  /** Names in lower case, sorted; `connection` and what a clock decides left out. */
  fields: string[];
  body: string;
}

/** Splits a client's bytes into the responses that they are. */
export function answersIn(text: string): Answer[] {
  const answers: Answer[] = [];
  let rest = text;
  for (let end = rest.indexOf('\r\n\r\n'); end >= 0; end = rest.indexOf('\r\n\r\n')) {
    const [line = '', ...lines] = rest.slice(0, end).split('\r\n');
    const status = Number(line.split(' ')[1]);
    const fields = lines.map((each) => each.replace(/^[^:]*/, (name) => name.toLowerCase())).sort();
    const length = fields.find((each) => each.startsWith('content-length: '));
    const from = end + 4;
    const next = rest.indexOf('HTTP/1.', from);
    const to = length && next >= 0 ? Math.min(from + Number(length.slice(16)), next) : -1;
    const stop = to >= 0 ? to : next >= 0 ? next : rest.length;
    answers.push({ status, fields, body: rest.slice(from, stop) });
    rest = rest.slice(stop);
  }
  return answers;
}

/** An httplog line without what differs from run to run. */
export function requestOf(line: string): string {
  const found =
    /\] (\S+ \S+) (-?\d+)\/(-?\d+)\/(-?\d+)\/(-?\d+)\/\+?\d+ (-?\d+) (\+?\d+) - - (\S{4}) \S+ (\S+) "(.*?)"?$/.exec(
      line,
    );
  if (!found) return line;
  const [, who, ...rest] = found;
  const times = rest.slice(0, 4).map((time) => (time === '-1' ? '-1' : 'N'));
  const [status, bytes, end, , request] = rest.slice(4);
  return `${who} ${times.join('/')} ${status} ${bytes} ${end} "${request?.slice(0, 200)}"`;
}
