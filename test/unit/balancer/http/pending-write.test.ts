import { createHash } from 'node:crypto';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { createLog } from '#core/log.ts';
import { Balancer } from '../../../../services/balancer/balancer.ts';
import { freePort } from '../../../support/ports.ts';
import { Peer } from '../../../support/tcp-peers.ts';
import { read } from '../config/read.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const CONNECTIONS = 6;
/** More than the kernel holds for a reader that waits, so that a write stays pending. */
const BYTES = 12 << 20;
const READ = 65_536;
const data = Buffer.alloc(BYTES, 'the bytes that were sent ');
const EXPECTED = createHash('sha256').update(data).digest('hex');

/** The digest of what comes behind the head, once `BYTES` of it are there. */
function digestOf(socket: net.Socket): Promise<string> {
  const hash = createHash('sha256');
  let head: Buffer | undefined = Buffer.alloc(0);
  let left = BYTES;
  return new Promise((resolve, reject) => {
    const take = (bytes: Buffer): void => {
      hash.update(bytes.subarray(0, left));
      left -= bytes.length;
      if (left <= 0) resolve(hash.digest('hex'));
    };
    socket.on('close', () => reject(new Error(`closed with ${left} bytes to come`)));
    socket.on('data', (chunk: Buffer) => {
      if (!head) {
        take(chunk);
        return;
      }
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const rest = head.subarray(end + 4);
      head = undefined;
      take(rest);
    });
  });
}

/** Takes the memory that was given back, and writes over it. */
async function stir(): Promise<void> {
  for (let round = 0; round < 20; round++) {
    await sleep(20);
    collectGarbage();
    for (let i = 0; i < 200; i++) Buffer.allocUnsafe(READ).fill(0xff);
  }
}

test.each([
  ['requests', 'a server'],
  ['responses', 'clients'],
])('%s arrive as they were sent, however long %s will not read', async (what) => {
  const digests: Promise<string>[] = [];
  const held: net.Socket[] = [];
  const keep = (socket: net.Socket): void => {
    socket.on('error', () => {});
    socket.pause();
    held.push(socket);
    const digest = digestOf(socket);
    digest.catch(() => {});
    digests.push(digest);
  };
  const server = await new Peer('server', (socket) => {
    if (what === 'requests') {
      keep(socket);
      socket.pause();
    } else {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${BYTES}\r\n\r\n`);
        socket.write(data);
      });
    }
  }).start();
  const port = await freePort();
  const { config } = await read(`listen x
    mode http
    bind 127.0.0.1:${port}
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    server a 127.0.0.1:${server.port}
`);
  const balancer = new Balancer(config, {
    log: createLog({ service: 'balancer', level: 'silent' }),
    health: undefined,
  });
  await balancer.start();
  const clients: net.Socket[] = [];
  try {
    for (let i = 0; i < CONNECTIONS; i++) {
      const client = net.connect(port, '127.0.0.1').on('error', () => {});
      clients.push(client);
      if (what === 'requests') {
        client.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${BYTES}\r\n\r\n`);
        client.write(data);
      } else {
        client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
        keep(client);
        client.pause();
      }
    }
    await stir();
    for (const socket of held) socket.resume();
    const found = await Promise.all(digests);
    console.log(`${what} that arrived as sent: ${found.filter((one) => one === EXPECTED).length}`);
    expect(found).toEqual(Array(CONNECTIONS).fill(EXPECTED));
  } finally {
    for (const client of clients) client.destroy();
    balancer.destroy();
    await balancer.close();
    await server.stop();
  }
});
