import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePortRange } from '../support/ports.ts';
import { startEither, type Which } from '../support/side-by-side.ts';
import { ask } from '../support/webs.ts';

/** What a Debian machine has after `apt install haproxy`. */
const SHIPPED = '/etc/haproxy/haproxy.cfg';

/** A syslog daemon's side: prints each datagram in hexadecimal. */
const RECEIVER = `
use strict; use Socket; $| = 1;
socket(my $socket, PF_UNIX, SOCK_DGRAM, 0) or die;
bind($socket, sockaddr_un($ARGV[0])) or die;
chmod(0666, $ARGV[0]);
print "ready\\n";
while (defined recv($socket, my $data, 65536, 0)) { print unpack("H*", $data), "\\n" }
`;

let directory: string;
let receiver: ChildProcess;
const datagrams: string[] = [];
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'balancer-debian-'));
  execFileSync('chmod', ['755', directory]);
  receiver = spawn('perl', ['-e', RECEIVER, join(directory, 'log')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve) => {
    createInterface({ input: receiver.stdout! }).on('line', (line) => {
      if (line === 'ready') resolve();
      else datagrams.push(Buffer.from(line, 'hex').toString('latin1'));
    });
  });
});
afterAll(() => {
  receiver.kill();
  rmSync(directory, { recursive: true });
});

/**
 * The shipped file with the paths and the account of this test in place of the machine's (another
 * one needs root), and without going to the background; what follows makes it serve.
 */
function configFor(which: Which, ports: readonly number[]): string {
  const { username } = userInfo();
  const group = execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim();
  const shipped = readFileSync(SHIPPED, 'utf8')
    .replaceAll('/dev/log', join(directory, 'log'))
    .replace('/run/haproxy/admin.sock', join(directory, `${which}.sock`))
    .replace(/user haproxy/, `user ${username}`)
    .replace(/group haproxy/, `group ${group}`)
    .replace(/^\s*chroot .*$/m, '')
    .replace(/^\s*daemon$/m, '');
  return `${shipped}
listen web
    bind 127.0.0.1:${ports[0]}
    http-request return status 200 content-type text/plain string hello if { path /ok }
    server gone 127.0.0.1:1
listen probe
    mode tcp
    no log
    bind 127.0.0.1:${ports[1]}
`;
}

/** Priority and message of a line, without what differs from run to run. */
const lineOf = (text: string): string =>
  text
    .replace(/>\w{3} [ \d]\d [\d:]{8} /, '>DATE ')
    .replace(/DATE \S+\[\d+\]: /, 'DATE TAG: ')
    .replace(/127\.0\.0\.1:\d+ \[[^\]]*\]/, 'CLIENT [DATE]')
    .replace(/ (-?\d+\/){4}\+?\d+ /, ' TIMES ')
    .replace(/ \d+\/\d+\/\d+\/\d+\/\+?\d+ \d+\/\d+ /, ' COUNTS ');

async function run(which: Which): Promise<string[]> {
  datagrams.length = 0;
  const first = await freePortRange(2);
  const ports = [first, first + 1];
  const config = configFor(which, ports);
  writeFileSync(join(directory, `${which}.cfg`), config);
  await using proxy = await startEither(which, { config, ports: [ports[1]!] });
  expect(await ask(first, { path: '/ok' })).toMatchObject({ status: 200, body: 'hello' });
  expect(await ask(first, { path: '/gone' })).toMatchObject({ status: 503 });
  const requests = (): string[] => datagrams.filter((line) => line.includes(' web '));
  for (let turn = 0; turn < 200 && requests().length < 3; turn++) await sleep(25);
  await proxy.stop('SIGTERM');
  return requests().map(lineOf).toSorted();
}

test('Debian’s file runs, and logs to the system what HAProxy logs', async () => {
  const theirs = await run('haproxy');
  const ours = await run('bramble');
  expect(theirs.length).toBeGreaterThanOrEqual(2);
  expect(ours).toEqual(theirs);
  console.log(`${ours.length} datagrams compared`);
});
