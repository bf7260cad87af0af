import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from '../support/ports.ts';
import { BOTH, eventOf, startEither, type Which } from '../support/side-by-side.ts';
import { Peer } from '../support/tcp-peers.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'bramble-check-tls-'));
const file = (name: string): string => path.join(directory, name);

/** How the server is checked, and whether that server speaks TLS. */
const CASES: readonly (readonly [name: string, server: string, lines: string, secure: boolean])[] =
  [
    ['check-ssl', 'check-ssl verify none', '', true],
    ['check-ssl on a plain server', 'check-ssl verify none', '', false],
    ['ssl of the server', 'ssl verify none', '', true],
    ['a good authority', `check-ssl verify required ca-file ${file('ca.pem')}`, '', true],
    ['a wrong authority', `check-ssl verify required ca-file ${file('other.pem')}`, '', true],
    ['a name', 'check-ssl verify none check-sni www.example', '', true],
    [
      'a script within TLS',
      'check-ssl verify none',
      'option tcp-check\n tcp-check expect string hi',
      true,
    ],
    [
      'connect ssl',
      'ssl verify none',
      'option tcp-check\n tcp-check connect ssl sni a.b\n tcp-check expect string hi',
      true,
    ],
    [
      'no TLS for a check that asks elsewhere',
      'ssl verify none',
      'option tcp-check\n tcp-check connect',
      true,
    ],
  ];

interface Seen {
  events: string[];
  names: unknown[];
}

describe('checks over TLS, side by side with HAProxy', () => {
  const seen = new Map<Which, Map<string, Seen>>();

  beforeAll(async () => {
    for (const name of ['ca', 'other']) {
      execFileSync(
        'openssl',
        [
          ...[
            'req',
            '-x509',
            '-newkey',
            'ec',
            '-pkeyopt',
            'ec_paramgen_curve:prime256v1',
            '-nodes',
          ],
          ...['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`), '-days', '3'],
          ...['-subj', `/CN=${name}.example`],
        ],
        { stdio: 'ignore' },
      );
    }
    for (const which of BOTH) seen.set(which, await run(which));
  }, 60_000);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  async function run(which: Which): Promise<Map<string, Seen>> {
    const names: unknown[] = [];
    const secure = tls.createServer(
      { key: readFileSync(file('ca.key')), cert: readFileSync(file('ca.pem')) },
      (socket) => {
        names.push(socket.servername);
        socket.on('error', () => undefined);
        socket.write('hi');
      },
    );
    secure.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    const plain = await new Peer('plain', (socket) => {
      socket.on('data', () => socket.end('HTTP/1.0 400 Bad\r\n\r\n'));
    }).start();
    const ports = await freePorts(CASES.length);
    const waits = [ports[0]!];
    const { port } = secure.address() as { port: number };
    const sections = CASES.map(
      ([, server, lines, isSecure], index) => `listen c${index}
 bind 127.0.0.1:${ports[index]}
 ${lines}
 server s 127.0.0.1:${isSecure ? port : plain.port} check inter 2s ${server}
`,
    );
    const config = `global
 log stdout format raw local0
defaults
 log global
 timeout connect 1s
 timeout client 2s
 timeout server 2s
 option log-health-checks
${sections.join('')}`;
    const proxy = await startEither(which, { config, ports: waits });
    try {
      const seen = (index: number): boolean =>
        proxy.out.some((line) => line.includes(`c${index}/s`));
      for (const end = Date.now() + 15_000; Date.now() < end; await sleep(50)) {
        if (CASES.every((_, index) => seen(index))) break;
      }
      await sleep(300);
      return new Map(
        CASES.map(([name], index) => [
          name,
          {
            events: proxy.out
              .filter((line) => /Health|is DOWN|is UP/.test(line) && line.includes(`c${index}`))
              .map(eventOf),
            names:
              name.includes('name') || name.includes('connect') ? [...new Set(names)].sort() : [],
          },
        ]),
      );
    } finally {
      await proxy.stop('SIGKILL');
      await plain.stop();
      secure.close();
    }
  }

  test.each(CASES.map(([name]) => [name]))('%s', (name) => {
    expect(seen.get('bramble')!.get(name)).toEqual(seen.get('haproxy')!.get(name));
    expect(seen.get('haproxy')!.get(name)!.events.length).toBeGreaterThan(0);
  });
});
