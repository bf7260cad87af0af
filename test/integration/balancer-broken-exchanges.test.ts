import { readdirSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { GET, post, SHORT } from '../support/broken-http.ts';
import { type Script, talk } from '../support/http-peers.ts';
import { startHttp } from '../support/http-side-by-side.ts';
import { gaugesOf } from '../support/leaks.ts';
import { residentBytes } from '../support/resident.ts';

const EXCHANGES = 10_000;
const COLUMNS = ['scur', 'qcur', 'used_conn_cur'];

describe('10,000 broken exchanges', () => {
  test('leave nothing behind', async () => {
    // With little room the heap shows what stays, and not what was not worth collecting yet.
    const before = process.env.NODE_OPTIONS;
    process.env.NODE_OPTIONS = '--max-old-space-size=40 --max-semi-space-size=4';
    await using setup = await startHttp('bramble', {
      timeouts: SHORT,
      server: 'maxconn 20',
      frontend: [
        '    stats enable\n    stats uri /stats',
        '    tcp-request connection track-sc0 src table b',
        '    http-request track-sc1 src table b',
        '    http-request return status 200 content-type text/plain lf-string "%[src,table_conn_cur(b)] %[src,table_conn_cnt(b)]" if { path /tracked }',
      ].join('\n'),
      backend: '    stick-table type ip size 10 store conn_cur,conn_cnt\n    stick on src',
    });
    if (before === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = before;
    const scripts: Script[] = [
      [],
      [null],
      ['rst'],
      ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', 'rst'],
      ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', null],
      ['garbage\r\n\r\n'],
      ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
      ['HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno', null],
      ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab', null],
      ['HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\nx'],
    ];
    const requests = [
      '',
      'GE',
      GET,
      GET + GET + GET,
      'GARBAGE\r\n\r\n',
      post(10, 'abc'),
      post(10, 'abcdefghij'),
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\nxyz',
    ];
    const port = setup.port;
    const one = async (index: number): Promise<void> => {
      setup.origin.script = scripts[index % scripts.length]!;
      const socket = net.connect({ port, host: '127.0.0.1' });
      socket.on('error', () => {});
      socket.on('data', () => {});
      socket.write(requests[Math.floor(index / 10) % requests.length]!);
      await sleep(index % 7 === 0 ? 60 : index % 4);
      if (index % 3 === 0) socket.resetAndDestroy();
      else if (index % 3 === 1) socket.destroy();
      else {
        socket.end();
        await sleep(5);
        socket.destroy();
      }
    };
    const resident = (): number => residentBytes(setup.proxy.pid);
    const descriptors = (): number => readdirSync(`/proc/${setup.proxy.pid}/fd`).length;
    await Promise.all(Array.from({ length: 100 }, (_, index) => one(index)));
    await sleep(800);
    const held = descriptors();
    let half = 0;
    for (let at = 0; at < EXCHANGES; at += 100) {
      if (at === EXCHANGES / 2) half = resident();
      await Promise.all(Array.from({ length: 100 }, (_, offset) => one(at + offset)));
    }
    let gauges: Record<string, number> = {};
    const settled = async (): Promise<boolean> => {
      gauges = await gaugesOf(`http://127.0.0.1:${port}/stats;csv`, COLUMNS);
      delete gauges['probe/FRONTEND scur'];
      delete gauges['probe/BACKEND scur'];
      delete gauges['probe/BACKEND qcur'];
      return Object.entries(gauges).every(
        ([name, value]) => value === (name === 'f/FRONTEND scur' ? 1 : 0),
      );
    };
    for (let tries = 0; tries < 50 && !(await settled()); tries++) await sleep(100);
    console.log(
      `after ${EXCHANGES} broken exchanges: ${JSON.stringify(gauges)}, RSS ${half} after half of them, ${resident()} now, descriptors ${held}, ${descriptors()} now`,
    );
    expect(resident() - half).toBeLessThan(20e6);
    expect(descriptors()).toBeLessThanOrEqual(held + 5);
    expect(gauges).toEqual({
      'f/FRONTEND scur': 1,
      'b/s1 scur': 0,
      'b/s1 qcur': 0,
      'b/s1 used_conn_cur': 0,
      'b/BACKEND scur': 0,
      'b/BACKEND qcur': 0,
    });
    // Its own connection and its own request are tracked, and nothing else any more.
    const tracked = await talk(port, ['GET /tracked HTTP/1.0\r\n\r\n']);
    const [now, ever] = tracked.text.split('\r\n').at(-1)!.split(' ').map(Number);
    console.log(`tracked now and ever: ${now} ${ever}`);
    expect(now).toBe(2);
    // Those that were reset before they could be accepted are nobody's.
    expect(ever).toBeGreaterThan(EXCHANGES * 0.9);
    setup.origin.script = ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'];
    expect((await talk(port, [GET])).text).toContain('200 OK');
  });
});
