import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { rss } from '../rss.ts';
import type { Plane, Subject } from './subjects.ts';

const GET = 'GET / HTTP/1.1\r\nHost: bench\r\n\r\n';
const AT_ONCE = 200;
const SETTLE = 2500;

/** Opens connections that have had one answer and idle; bytes of resident memory for each. */
export async function idleBytes(subject: Subject, plane: Plane, count: number): Promise<number> {
  const port = subject.ports[plane];
  const secure = plane === 'https' || plane === 'tls';
  const sockets: net.Socket[] = [];
  const open = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = secure
        ? tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
        : net.connect({ port, host: '127.0.0.1' });
      sockets.push(socket);
      socket.once(secure ? 'secureConnect' : 'connect', () => socket.write(GET));
      socket.once('data', () => resolve());
      socket.on('error', reject);
    });
  await sleep(SETTLE);
  const before = rss(subject.process.pid);
  try {
    for (let made = 0; made < count; made += AT_ONCE) {
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - made) }, open));
    }
    await sleep(SETTLE);
    return (rss(subject.process.pid) - before) / count;
  } finally {
    for (const socket of sockets) socket.on('error', () => undefined).destroy();
    await sleep(SETTLE);
  }
}
