import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Authority } from '../support/certificates.ts';
import { freePorts } from '../support/ports.ts';
import { askRuntime } from '../support/runtime-socket.ts';
import { startEither } from '../support/side-by-side.ts';
import { together } from '../support/webs.ts';

let ca: Authority;
beforeAll(() => {
  ca = new Authority('some authority');
  const { cert, key } = ca.issue('one', {
    san: 'DNS:a.example.org,DNS:*.b.example.org,IP:192.0.2.1',
  });
  writeFileSync(ca.file('one.pem'), Buffer.concat([cert, ca.pem('ca.crt'), key]));
  const other = ca.issue('two', { cn: '' });
  writeFileSync(ca.file('two.pem'), Buffer.concat([other.key, other.cert]));
  const subject = '/C=DE/O=Home/CN=r\u00f6ster.example.org';
  const args = ['-utf8', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', subject];
  const files = ['-keyout', ca.file('rsa.key'), '-out', ca.file('rsa.crt')];
  execFileSync('openssl', ['req', ...args, ...files], { stdio: 'pipe' });
  writeFileSync(ca.file('rsa.pem'), Buffer.concat([ca.pem('rsa.crt'), ca.pem('rsa.key')]));
});
afterAll(() => ca.remove());

test('certificates are shown, side by side with HAProxy', async () => {
  const names = ['one.pem', 'two.pem', 'rsa.pem', 'none.pem'];
  const { haproxy, bramble } = await together(async (which) => {
    const [port, probe] = (await freePorts(2)) as [number, number];
    const socket = ca.file(`${which}.sock`);
    const config = `
global
    stats socket ${socket} level admin
    crt-base ${ca.directory}
    ca-base ${ca.directory}
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
listen l
    bind 127.0.0.1:${port} ssl crt two.pem crt one.pem
    server s 127.0.0.1:1 ssl verify required ca-file ca.crt crt rsa.pem
listen probe
    bind 127.0.0.1:${probe}
`;
    await using _proxy = await startEither(which, { config, ports: [probe] });
    const commands = ['', ...names.map((name) => ` ${ca.file(name)}`)];
    const shown = [];
    for (const what of commands) shown.push(await askRuntime(socket, `show ssl cert${what}`));
    return shown;
  });
  expect(bramble).toEqual(haproxy);
  expect(haproxy[1]).toContain('Status: Used');
});
