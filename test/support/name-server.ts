import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const TYPES = { A: 1, AAAA: 28, SRV: 33 } as const;

interface ServiceRecord {
  readonly target: string;
  readonly port: number;
}

/** A name server of a test (RFC 1035, over UDP): answers what its tables say at the moment. */
export class NameServer {
  /** IPv4 addresses by name; no entry = there is no such name. */
  readonly addresses = new Map<string, readonly string[]>();
  readonly services = new Map<string, readonly ServiceRecord[]>();
  /** Nobody gets an answer. */
  silent = false;
  questions = 0;
  readonly #socket: Socket = createSocket('udp4');
  port = 0;

  async start(): Promise<this> {
    this.#socket.on('message', (message, from) => {
      this.questions += 1;
      if (!this.silent) this.#socket.send(this.#answer(message), from.port, from.address);
    });
    this.#socket.bind(0, '127.0.0.1');
    await once(this.#socket, 'listening');
    this.port = this.#socket.address().port;
    return this;
  }

  async stop(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  #answer(question: Buffer): Buffer {
    const { name, end } = nameAt(question, 12);
    const type = question.readUInt16BE(end);
    const known = this.addresses.has(name) || this.services.has(name);
    const records: Buffer[] = [];
    if (type === TYPES.A) {
      for (const address of this.addresses.get(name) ?? []) {
        records.push(record(type, Buffer.from(address.split('.').map(Number))));
      }
    } else if (type === TYPES.SRV) {
      for (const { target, port } of this.services.get(name) ?? []) {
        const fixed = Buffer.alloc(6);
        fixed.writeUInt16BE(1, 2);
        fixed.writeUInt16BE(port, 4);
        records.push(record(type, Buffer.concat([fixed, encoded(target)])));
      }
    }
    const head = Buffer.alloc(12);
    question.copy(head, 0, 0, 2);
    head.writeUInt16BE(known ? 0x8580 : 0x8583, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(records.length, 6);
    return Buffer.concat([head, question.subarray(12, end + 4), ...records]);
  }
}

function nameAt(message: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = message[at++]!; length > 0; length = message[at++]!) {
    labels.push(message.toString('latin1', at, at + length).toLowerCase());
    at += length;
  }
  return { name: labels.join('.'), end: at };
}

const encoded = (name: string): Buffer =>
  Buffer.concat([
    ...name
      .split('.')
      .map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1')),
    Buffer.from([0]),
  ]);

/** Of the name in the question, to be kept for a second. */
function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(1, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}
