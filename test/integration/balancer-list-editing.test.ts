import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Authority } from '../support/certificates.ts';
import { freePorts } from '../support/ports.ts';
import { askRuntime } from '../support/runtime-socket.ts';
import { startEither, type Which } from '../support/side-by-side.ts';
import { until } from '../support/tcp-peers.ts';
import { together } from '../support/webs.ts';

let ca: Authority;
const NAMES = ['one', 'two', 'three', 'four', 'five'];
const pem = (name: string): string => `${ca.pem(`${name}.crt`)}${ca.pem(`${name}.key`)}`;

beforeAll(() => {
  ca = new Authority();
  mkdirSync(ca.file('folder'));
  for (const name of NAMES) {
    ca.issue(name, { san: `DNS:${name}.example.org` });
    writeFileSync(ca.file(`${name}.pem`), pem(name));
  }
  writeFileSync(ca.file('folder/five.pem'), pem('five'));
  const [one, two, three] = NAMES.map((name) => ca.file(`${name}.pem`));
  writeFileSync(
    ca.file('list'),
    `# certificates\n${one}\n\n${two} [ssl-min-ver TLSv1.2 alpn http/1.1 verify none] Two.example.org !no.example.org\n${three} a.example.org\n${three} [] b.example.org\n`,
  );
});
afterAll(() => ca.remove());

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

async function course(which: Which): Promise<unknown[]> {
  const [port, second, third, probe] = (await freePorts(4)) as [number, number, number, number];
  const socket = ca.file(`${which}.sock`);
  const list = ca.file('list');
  const folder = ca.file('folder');
  const config = `
global
    stats socket ${socket} level admin
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
listen l
    bind 127.0.0.1:${port} ssl crt-list ${list}
    bind 127.0.0.1:${second} ssl strict-sni crt-list ${list}
    bind 127.0.0.1:${third} ssl crt ${ca.file('four.pem')} crt ${folder}/
listen probe
    bind 127.0.0.1:${probe}
`;
  await using _proxy = await startEither(which, { config, ports: [probe] });
  await until(() => existsSync(socket), 'the socket is there');
  const seen: unknown[] = [];
  const say = async (command: string): Promise<void> => {
    const answer = await askRuntime(socket, command);
    // The file of the configuration has another name for each, and HAProxy leaves a NUL in `alpn`.
    seen.push([command, answer.replace(/\/\S*\.cfg/g, 'FILE').replaceAll('\0', '')]);
  };
  const look = async (): Promise<void> => {
    for (const each of [port, second, third]) {
      const names = ['one', 'two', 'a', 'b', 'four', 'five', 'x'].map((n) => `${n}.example.org`);
      seen.push(await Promise.all(names.map((name) => shownTo(each, name))));
    }
  };
  const [one, two, three, four] = NAMES.map((name) => ca.file(`${name}.pem`));
  await say('show ssl crt-list');
  await say(`show ssl crt-list ${list}`);
  await say(`show ssl crt-list -n ${list}`);
  await say(`show ssl crt-list ${folder}/`);
  await say('show ssl crt-list -n');
  await say('show ssl crt-list nothing');
  await look();
  await say(`add ssl crt-list ${list} ${four}`);
  await say(`add ssl crt-list ${list} <<\n${four} x.example.org !y.example.org\n`);
  await say(`show ssl crt-list -n ${list}`);
  await look();
  await say(`add ssl crt-list ${list} nothing`);
  await say(`add ssl crt-list nothing ${four}`);
  await say(`add ssl crt-list ${list}`);
  await say(`del ssl crt-list ${list} ${one}`);
  await say(`del ssl crt-list ${list} ${three}`);
  await say(`del ssl crt-list ${list} ${three}:9`);
  await say(`del ssl crt-list ${list} ${three}:x`);
  await say(`del ssl crt-list ${list} ${three}:5`);
  await say(`del ssl crt-list ${list} ${two}`);
  await say(`del ssl crt-list ${list} ${two}`);
  await say(`del ssl crt-list ${list} nothing`);
  await say(`del ssl crt-list nothing ${two}`);
  await say(`del ssl crt-list ${list}`);
  await say(`show ssl crt-list -n ${list}`);
  await look();
  await say(`show ssl cert ${two}`);
  await say(`del ssl cert ${two}`);
  await say(`del ssl cert ${four}`);
  return seen;
}

test('lists are shown, lengthened and shortened, side by side with HAProxy', async () => {
  const { haproxy, bramble } = await together(course);
  for (const [index, each] of haproxy.entries()) expect.soft(bramble[index]).toEqual(each);
  console.log(`${haproxy.length} answers and looks compared`);
});
