import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { describe, expect, it } from 'vitest';
import { Authority } from '../support/authority.ts';
import { askRuntime, statRows } from '../support/runtime-socket.ts';
import { ask } from '../support/webs.ts';
import { withFarm } from '../support/worker-farm.ts';

describe('TLS', () => {
  it('is resumed by whichever worker the client meets', { timeout: 60_000 }, async () => {
    const authority = new Authority();
    const { file } = authority.issue('workers.pem', ['workers.test']);
    const body = `
listen web
    bind 127.0.0.1:PORT ssl crt ${file}
    http-request return status 200 content-type text/plain lf-string %[thread]
    server a A
`;
    try {
      await withFarm('bramble', body, async ({ port }) => {
        const visit = (session?: Buffer) =>
          new Promise<{ reused: boolean; worker: string; session: Buffer }>((resolve, reject) => {
            const client = tls.connect({
              port,
              host: '127.0.0.1',
              rejectUnauthorized: false,
              maxVersion: 'TLSv1.2',
              ...(session && { session }),
            });
            client.on('error', reject);
            client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
            client.once('data', (data: Buffer) => {
              const worker = data.toString().at(-1)!;
              resolve({ reused: client.isSessionReused(), worker, session: client.getSession()! });
              client.destroy();
            });
          });
        const { session } = await visit();
        const visits = [];
        for (let turn = 0; turn < 20; turn++) visits.push(await visit(session));
        expect(visits.every(({ reused }) => reused)).toBe(true);
        expect(new Set(visits.map(({ worker }) => worker))).toEqual(new Set(['0', '1']));
      });
    } finally {
      authority.remove();
    }
  });
});

describe('workers over time', () => {
  it('reloads all of them without failing a request', { timeout: 60_000 }, async () => {
    const body = `
listen web
    bind 127.0.0.1:PORT
    server a A
`;
    await withFarm('bramble', body, async ({ port, socket, file, pid }) => {
      const text = await (await import('node:fs/promises')).readFile(file, 'utf8');
      let stop = false;
      let served = 0;
      const failures: unknown[] = [];
      const load = Array.from({ length: 6 }, async () => {
        while (!stop) {
          try {
            const { status } = await ask(port);
            if (status === 200) served += 1;
            else failures.push(status);
          } catch (error) {
            failures.push(error);
          }
        }
      });
      for (let round = 0; round < 8; round++) {
        const line = round % 2 === 0 ? `    http-response set-header x-round ${round}\n` : '';
        await writeFile(file, text.replace('    server a ', `${line}    server a `));
        expect(await askRuntime(socket, 'reload')).toContain('Success=1');
        await sleep(100);
        const { headers } = await ask(port);
        expect(headers['x-round']).toBe(line === '' ? undefined : String(round));
      }
      stop = true;
      await Promise.all(load);
      console.log(`${served} requests over 8 reloads of pid ${pid}, ${failures.length} failed`);
      expect(failures).toEqual([]);
      const rows = await statRows(socket);
      expect(Number(rows.get('web/FRONTEND')?.req_tot)).toBe(served + 8);
    });
  });

  it('hands over to a successor (-sf)', { timeout: 60_000 }, async () => {
    const body = `
listen web
    bind 127.0.0.1:PORT
    server a A
`;
    await withFarm('bramble', body, async ({ port, file, pid }) => {
      const failures: unknown[] = [];
      let stop = false;
      const load = Array.from({ length: 4 }, async () => {
        while (!stop) await ask(port).catch((error: unknown) => failures.push(error));
      });
      const { startProxy } = await import('../support/proxy-process.ts');
      await sleep(200);
      const command = path.resolve(import.meta.dirname, '../../bin/bramble-balancer');
      await using next = await startProxy(command, ['-db', '-sf', String(pid)], {
        file,
        ports: [port],
      });
      const gone = async (): Promise<boolean> => {
        try {
          process.kill(pid, 0);
          return false;
        } catch {
          return true;
        }
      };
      for (let turn = 0; turn < 400 && !(await gone()); turn++) await sleep(50);
      expect([await gone(), next.pid > 0]).toEqual([true, true]);
      await sleep(100);
      stop = true;
      await Promise.all(load);
      expect(failures).toEqual([]);
    });
  });
});
