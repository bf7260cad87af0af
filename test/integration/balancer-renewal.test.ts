import { X509Certificate } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Authority } from '../support/certificates.ts';
import { freePorts } from '../support/ports.ts';
import { askRuntime } from '../support/runtime-socket.ts';
import { startEither, type Which } from '../support/side-by-side.ts';
import { until } from '../support/tcp-peers.ts';
import { together } from '../support/webs.ts';

let ca: Authority;
let origin: tls.Server;
let originPort: number;
/** Common names of those who connected to the origin. */
let visitors: string[] = [];

/** Certificate and key in one text. */
const pem = (name: string): string => `${ca.pem(`${name}.crt`)}${ca.pem(`${name}.key`)}`;

beforeAll(async () => {
  ca = new Authority();
  for (const name of ['one', 'two', 'three', 'four', 'client', 'client2', 'origin']) {
    ca.issue(name, { san: `DNS:${name}.example.org` });
    writeFileSync(ca.file(`${name}.pem`), pem(name));
  }
  origin = tls.createServer({
    key: ca.pem('origin.key'),
    cert: ca.pem('origin.crt'),
    ca: ca.pem('ca.crt'),
    requestCert: true,
    rejectUnauthorized: false,
  });
  origin.on('secureConnection', (socket) => {
    const shown = socket.getPeerX509Certificate();
    if (shown) visitors.push(shown.subject);
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok');
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  originPort = (origin.address() as { port: number }).port;
});
afterAll(() => {
  origin.close();
  ca.remove();
});

/** Subject of the certificate that a client gets who asks for `name`, or why it gets none. */
function shownTo(port: number, name: string): Promise<string> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, servername: name, rejectUnauthorized: false };
    const socket = tls.connect(options, () => {
      resolve(new X509Certificate(socket.getPeerX509Certificate()!.raw).subject);
      socket.destroy();
    });
    socket.on('error', () => resolve('refused'));
  });
}

function request(port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const options = { host: '127.0.0.1', port, rejectUnauthorized: false };
    const socket = tls.connect(options, () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    socket.on('data', (data) => {
      text += data;
      if (text.endsWith('ok')) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text.slice(0, 12)));
  });
}

async function course(which: Which): Promise<unknown[]> {
  const [port, probe] = (await freePorts(2)) as [number, number];
  const socket = ca.file(`${which}.sock`);
  const config = `
global
    stats socket ${socket} level admin
    ssl-server-verify none
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
listen l
    bind 127.0.0.1:${port} ssl crt ${ca.file('one.pem')} crt ${ca.file('two.pem')}
    server s 127.0.0.1:${originPort} ssl crt ${ca.file('client.pem')}
listen probe
    bind 127.0.0.1:${probe}
`;
  await using _proxy = await startEither(which, { config, ports: [probe] });
  await until(() => existsSync(socket), 'the socket is there');
  const seen: unknown[] = [];
  const say = async (command: string, payload?: string): Promise<void> => {
    const line = payload === undefined ? command : `${command} <<\n${payload.trim()}\n`;
    seen.push([command, await askRuntime(socket, line)]);
  };
  const look = async (): Promise<void> => {
    const names = ['one', 'two', 'three', 'four'].map((name) => `${name}.example.org`);
    seen.push(await Promise.all(names.map((name) => shownTo(port, name))));
  };
  const [one, two, client] = ['one', 'two', 'client'].map((name) => ca.file(`${name}.pem`));
  const fresh = ca.file('new.pem');
  await look();
  await say(`set ssl cert ${two}`, pem('three'));
  await say('show ssl cert');
  await say(`show ssl cert *${two}`);
  await look();
  // HAProxy would put it into the transaction of the other file.
  if (which === 'bramble') {
    const answer = await askRuntime(socket, `set ssl cert ${one} <<\n${pem('four').trim()}\n`);
    expect(answer).toContain(`is about '${two}' but you are trying to set '${one}'`);
  }
  await say(`commit ssl cert ${one}`);
  await say(`commit ssl cert ${two}`);
  await look();
  await say(`show ssl cert ${two}`);
  // The default, and once more before it is in force.
  await say(`set ssl cert ${one}`, pem('two'));
  await say(`set ssl cert ${one}`, pem('four'));
  await say(`commit ssl cert ${one}`);
  await look();
  // Given up, and wrong ones.
  await say(`set ssl cert ${one}`, pem('one'));
  await say(`abort ssl cert ${two}`);
  await say(`del ssl cert ${one}`);
  await say(`abort ssl cert ${one}`);
  await say(`abort ssl cert ${one}`);
  await say(`commit ssl cert ${one}`);
  await say(`del ssl cert ${one}`);
  await say('del ssl cert nothing');
  await say('set ssl cert nothing', pem('one'));
  await say(`set ssl cert ${one}`);
  await say(`set ssl cert ${one}`, 'nonsense');
  await say(`set ssl cert ${one}`, String(ca.pem('one.crt')));
  await say(`commit ssl cert ${one}`);
  await say(`set ssl cert ${one}.key`, String(ca.pem('two.key')));
  await say(`commit ssl cert ${one}`);
  await say(`set ssl cert ${one}.key`, String(ca.pem('one.key')));
  await say(`commit ssl cert ${one}`);
  await look();
  // New ones.
  await say(`new ssl cert ${fresh}`);
  await say(`new ssl cert ${fresh}`);
  await say(`show ssl cert ${fresh}`);
  await say(`set ssl cert ${fresh}`, pem('one'));
  await say(`commit ssl cert ${fresh}`);
  await say(`show ssl cert ${fresh}`);
  await say(`del ssl cert ${fresh}`);
  await say('show ssl cert');
  for (const what of ['new', 'set', 'commit', 'abort', 'del']) await say(`${what} ssl cert`);
  // What we show to servers.
  visitors = [];
  seen.push(await request(port));
  await say(`set ssl cert ${client}`, pem('client2'));
  await say(`commit ssl cert ${client}`);
  seen.push(await request(port), visitors);
  return seen;
}

test('certificates are renewed at run time, side by side with HAProxy', async () => {
  const { haproxy, bramble } = await together(course);
  for (const [index, each] of haproxy.entries()) expect.soft(bramble[index]).toEqual(each);
  expect(bramble.at(-1)).toEqual(['CN=client', 'CN=client2']);
  console.log(`${haproxy.length} answers and looks compared`);
});
