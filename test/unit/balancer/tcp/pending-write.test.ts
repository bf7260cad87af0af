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

const CONNECTIONS = 8;
/** More than the kernel holds for a reader that waits, so that a write stays pending. */
const BYTES = 12 << 20;
const READ = 65_536;

test('what waits for the kernel is not collected, nor its memory used again', async () => {
  const received: Promise<string>[] = [];
  const server = await new Peer('slow', (socket) => {
    socket.pause();
    const hash = createHash('sha256');
    socket.on('data', (chunk: Buffer) => hash.update(chunk));
    received.push(new Promise((done) => socket.on('end', () => done(hash.digest('hex')))));
    socket.on('end', () => socket.end());
  }).start();
  const port = await freePort();
  const text = `listen x
    mode tcp
    bind 127.0.0.1:${port}
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    server a 127.0.0.1:${server.port}
`;
  const { config } = await read(text);
  const balancer = new Balancer(config, {
    log: createLog({ service: 'balancer', level: 'silent' }),
    health: undefined,
  });
  await balancer.start();
  try {
    const data = Buffer.alloc(BYTES, 'the bytes that were sent ');
    for (let i = 0; i < CONNECTIONS; i++) {
      net
        .connect(port, '127.0.0.1')
        .on('error', () => {})
        .end(data);
    }
    for (let round = 0; round < 20; round++) {
      await sleep(20);
      collectGarbage();
      // Takes the memory that was given back, and writes over it.
      for (let i = 0; i < 200; i++) Buffer.allocUnsafe(READ).fill(0xff);
    }
    for (const socket of server.sockets) socket.resume();
    const expected = createHash('sha256').update(data).digest('hex');
    const hashes = await Promise.all(received);
    const whole = hashes.filter((hash) => hash === expected).length;
    console.log(`streams that arrived as sent: ${whole} of ${CONNECTIONS}`);
    expect(hashes).toEqual(Array(CONNECTIONS).fill(expected));
  } finally {
    await balancer.close();
    await server.stop();
  }
});
