import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { generate, type Packet, parser } from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/broker.ts';
import { Authority } from '../support/certificates.ts';
import { type GuardedBroker, proxyHeader, startGuarded } from '../support/guarded-broker.ts';
import { freePorts } from '../support/ports.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const authority = new Authority();
const stranger = new Authority('somebody else');
const opened: MqttClient[] = [];

beforeAll(() => {
  authority.issue('server', { cn: 'broker', san: 'DNS:localhost,IP:127.0.0.1' });
  authority.issue('renewed', { cn: 'renewed', san: 'DNS:localhost,IP:127.0.0.1' });
  for (const name of ['lamp', 'gone', 'unknown']) authority.issue(name);
  authority.issue('mailer', { cn: '', san: 'email:lamp' });
  authority.revoke('gone');
  stranger.issue('lamp');
});
afterAll(() => {
  for (const client of opened) client.end(true);
  authority.remove();
  stranger.remove();
});

const USERS = `[ { name: ada, password: lovelace }, { name: lamp, acl: [
  { topic: "lamp/#", access: readwrite } ] } ]`;

function part(clients = '', certificate = 'server'): string {
  const file = (name: string) => authority.file(name);
  return `{ users: ${USERS}, tls: { certificate: ${file(`${certificate}.crt`)},
    key: ${file(`${certificate}.key`)}, clients: { ${clients} } } }`;
}

const REQUIRED = () =>
  `certificate: required, authority: ${authority.file('ca.crt')}, revoked: ${authority.file('ca.crl')}`;

/** Connects with mqtt.js; the error's text where that fails. */
async function connect(url: string, options: IClientOptions): Promise<MqttClient | string> {
  const client = mqtt.connect(url, {
    reconnectPeriod: 0,
    connectTimeout: 5_000,
    ca: authority.pem('ca.crt'),
    ...options,
  });
  opened.push(client);
  return new Promise((resolve) => {
    client.once('connect', () => resolve(client));
    client.once('error', (error) => resolve(error.message || 'error'));
    client.once('close', () => resolve('closed'));
  });
}

const ADA = { username: 'ada', password: 'lovelace' };
const isIn = (client: MqttClient | string): boolean => typeof client !== 'string';

describe('TLS', () => {
  let server: GuardedBroker;
  let url: string;
  beforeAll(async () => {
    server = await startGuarded(part(), { tls: true });
    url = `mqtts://localhost:${server.broker.ports.mqttTls}`;
  });
  afterAll(() => server?.stop());

  test('MQTT 3.1.1 and 5 over TLS and over secure WebSocket, and a message between them', async () => {
    const five = await connect(url, { ...ADA, protocolVersion: 5 });
    const web = await connect(`wss://localhost:${server.broker.ports.websocketTls}/mqtt`, {
      ...ADA,
      protocolVersion: 4,
    });
    expect([isIn(five), isIn(web)]).toEqual([true, true]);
    const got = new Promise<string>((resolve) => {
      (web as MqttClient).on('message', (topic, payload) => resolve(`${topic} ${payload}`));
    });
    await (web as MqttClient).subscribeAsync('a/b', { qos: 1 });
    await (five as MqttClient).publishAsync('a/b', 'x'.repeat(100_000), { qos: 1 });
    expect(await got).toBe(`a/b ${'x'.repeat(100_000)}`);
  });

  test('TLS 1.2 and 1.3 are spoken, 1.1 is not', async () => {
    const outcome = async (version: tls.SecureVersion): Promise<string> => {
      const socket = tls.connect({
        port: server.broker.ports.mqttTls,
        host: 'localhost',
        ca: authority.pem('ca.crt'),
        minVersion: version,
        maxVersion: version,
        // OpenSSL 3 leaves old versions out of its default security level.
        ciphers: 'DEFAULT@SECLEVEL=0',
      });
      try {
        await once(socket, 'secureConnect');
        return socket.getProtocol() ?? '';
      } catch {
        return 'refused';
      } finally {
        socket.destroy();
      }
    };
    expect(await outcome('TLSv1.1')).toBe('refused');
    expect(await outcome('TLSv1.2')).toBe('TLSv1.2');
    expect(await outcome('TLSv1.3')).toBe('TLSv1.3');
  });

  test('plain MQTT and plain HTTP on the TLS port: a clear line, and nobody else notices', async () => {
    const there = await connect(url, ADA);
    const plain = await connect(`mqtt://127.0.0.1:${server.broker.ports.mqttTls}`, ADA);
    expect(isIn(plain)).toBe(false);
    const web = net.connect(server.broker.ports.mqttTls, '127.0.0.1');
    web.on('error', () => {});
    web.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(web, 'close');
    const said = () => server.audit('connect').map(({ why, msg }) => String(why ?? msg));
    await eventually('both are logged', () => said().some((text) => text.includes('plain HTTP')));
    expect(said().some((text) => text.includes('TLS: no TLS: the client speaks plain text'))).toBe(
      true,
    );
    expect(server.audit('connect').every(({ address }) => address === '127.0.0.1')).toBe(true);
    await (there as MqttClient).publishAsync('still', 'here', { qos: 1 });
  });

  test('a certificate of an authority that the client does not know: the client is told, we log it', async () => {
    const client = spawn('openssl', [
      ...['s_client', '-connect', `127.0.0.1:${server.broker.ports.mqttTls}`],
      ...['-CAfile', stranger.file('ca.crt'), '-verify_return_error'],
    ]);
    const [code] = (await once(client, 'exit')) as [number];
    expect(code).not.toBe(0);
    await eventually('it is logged', () =>
      server.audit('connect').some(({ msg }) => String(msg).includes("certificate's authority")),
    );
  });

  test('new certificates on reload, for new connections only; bad ones change nothing', async () => {
    const before = (await connect(url, ADA)) as MqttClient;
    const subject = async (): Promise<unknown> => {
      const socket = tls.connect({
        port: server.broker.ports.mqttTls,
        host: 'localhost',
        ca: authority.pem('ca.crt'),
      });
      await once(socket, 'secureConnect');
      const { subject: told } = socket.getPeerCertificate();
      socket.destroy();
      return told.CN;
    };
    expect(await subject()).toBe('broker');
    await server.reload(part('', 'renewed'));
    expect(await subject()).toBe('renewed');
    const mixed = part('', 'renewed').replace('renewed.key', 'server.key');
    await expect(server.reload(mixed)).rejects.toThrow(/mqtt\.tls: .*key values mismatch/);
    await expect(server.reload(part('', 'missing'))).rejects.toThrow(/no such file/);
    expect(await subject()).toBe('renewed');
    await server.reload(part());
    await before.publishAsync('still', 'here', { qos: 1 });
    expect(before.connected).toBe(true);
  });
});

describe('client certificates', () => {
  const own = (name: string, from = authority) => ({
    cert: from.pem(`${name}.crt`),
    key: from.pem(`${name}.key`),
  });
  let server: GuardedBroker;
  let url: string;
  beforeAll(async () => {
    server = await startGuarded(part(REQUIRED()), { tls: true });
    url = `mqtts://localhost:${server.broker.ports.mqttTls}`;
  });
  afterAll(() => server?.stop());

  test('the common name is the user, without a password, with that user’s rules', async () => {
    const lamp = (await connect(url, { ...own('lamp'), protocolVersion: 5 })) as MqttClient;
    await lamp.publishAsync('lamp/on', '1', { qos: 1 });
    await expect(lamp.publishAsync('door/open', '1', { qos: 1 })).rejects.toThrow(
      /Not authorized/i,
    );
    const [refusal] = server.audit('publish');
    expect(refusal).toMatchObject({ user: 'lamp', topic: 'door/open', address: '127.0.0.1' });
  });

  test('none, a stranger’s, a revoked one, one of no user: refused, each with its reason', async () => {
    const outcome = async (options: IClientOptions) => isIn(await connect(url, options));
    expect(await outcome(ADA)).toBe(false);
    expect(await outcome({ ...ADA, ...own('lamp', stranger) })).toBe(false);
    expect(await outcome(own('gone'))).toBe(false);
    expect(await outcome(own('unknown'))).toBe(false);
    // The certificate says who it is; a user name beside it does not.
    expect(await outcome({ ...own('lamp'), ...ADA })).toBe(false);
    const said = server.audit('connect').map(({ why, msg }) => `${why ?? ''} ${msg}`);
    for (const text of ['no client certificate', 'UNABLE_TO', 'CERT_REVOKED', 'credentials']) {
      expect(said.some((line) => line.includes(text))).toBe(true);
    }
  });

  test('a user without a password cannot come in with any password', async () => {
    const plain = `mqtt://127.0.0.1:${server.broker.ports.mqtt}`;
    expect(isIn(await connect(plain, { username: 'lamp', password: '' }))).toBe(false);
    expect(isIn(await connect(plain, { username: 'lamp', password: 'x' }))).toBe(false);
    expect(isIn(await connect(plain, ADA))).toBe(true);
  });

  test('optional: with one by certificate, without one by password; the name may be a SAN', async () => {
    const optional = REQUIRED().replace('required', 'optional');
    await server.reload(part(`${optional}, user: san`));
    expect(isIn(await connect(url, ADA))).toBe(true);
    const mailer = await connect(url, { ...own('mailer'), clientId: 'mailer' });
    expect(isIn(mailer)).toBe(true);
    expect([...server.broker.sessions.connections].find((c) => c.clientId === 'mailer')?.user).toBe(
      'lamp',
    );
    expect(isIn(await connect(url, own('lamp')))).toBe(false);
    expect(isIn(await connect(url, own('lamp', stranger)))).toBe(false);
  });
});

test('behind the balancer: PROXY header and ClientHello in one packet, the client’s own address', async () => {
  const server = await startGuarded(part(), { tls: true, proxyProtocol: true });
  try {
    const relay = net.createServer((near) => {
      near.once('data', (hello) => {
        const far = net.connect(server.broker.ports.mqttTls, '127.0.0.1');
        far.write(Buffer.concat([proxyHeader('192.0.2.7'), hello]));
        near.pipe(far).pipe(near);
        far.on('error', () => near.destroy());
      });
    });
    relay.listen(0, '127.0.0.1');
    await once(relay, 'listening');
    const { port } = relay.address() as net.AddressInfo;
    const socket = tls.connect({ port, ca: authority.pem('ca.crt'), host: 'localhost' });
    await once(socket, 'secureConnect');
    relay.close();
    const wrong = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId: 'x' };
    socket.write(
      generate({
        ...wrong,
        clean: true,
        keepalive: 0,
        username: 'ada',
        password: Buffer.from('no'),
      } as Packet),
    );
    const parse = parser({ protocolVersion: 4 });
    const answer = new Promise<Packet>((resolve) => parse.on('packet', resolve));
    socket.on('data', (chunk) => parse.parse(chunk));
    expect(await answer).toMatchObject({ cmd: 'connack', returnCode: 5 });
    expect(server.audit('connect')[0]).toMatchObject({
      address: '192.0.2.7',
      user: 'ada',
      reason: 0x87,
    });
    socket.destroy();
  } finally {
    await server.stop();
  }
});

test('who does not finish the handshake is gone in time, and the clients that are there stay', async () => {
  const server = await startGuarded(
    part().replace('{ users', '{ limits: { connect: 1 s }, users'),
    {
      tls: true,
    },
  );
  try {
    const there = (await connect(
      `mqtts://localhost:${server.broker.ports.mqttTls}`,
      ADA,
    )) as MqttClient;
    const silent = net.connect(server.broker.ports.mqttTls, '127.0.0.1');
    const half = net.connect(server.broker.ports.mqttTls, '127.0.0.1');
    half.write(Buffer.from('160301', 'hex'));
    const mute = tls.connect({
      port: server.broker.ports.mqttTls,
      host: 'localhost',
      ca: authority.pem('ca.crt'),
    });
    for (const socket of [silent, half, mute]) socket.on('error', () => {});
    await Promise.all([silent, half, mute].map((socket) => once(socket.resume(), 'close')));
    await eventually('nothing is left of them', () => server.broker.gate.halfOpen.size === 0);
    expect(there.connected).toBe(true);
    expect(server.audit('connect').some(({ msg }) => String(msg).includes('took too long'))).toBe(
      true,
    );
  } finally {
    await server.stop();
  }
});

test('PROXY headers from who may not send them, and none at all: an audit line each, bounded', async () => {
  const server = await startGuarded(part(), { proxyProtocol: true });
  try {
    for (let i = 0; i < 50; i++) {
      const socket = net.connect(server.broker.ports.mqtt, '127.0.0.1');
      socket.on('error', () => {});
      socket.write('GET / HTTP/1.1\r\n\r\n');
      await once(socket.resume(), 'close');
    }
    const lines = server.audit('connect');
    expect(lines[0]).toMatchObject({ address: '127.0.0.1' });
    expect(String(lines[0]!.msg)).toContain('no PROXY v2 header');
    expect(lines.length).toBeLessThanOrEqual(15);
    expect(server.broker.audit.refused.connect).toBe(50);
  } finally {
    await server.stop();
  }
});

describe('a broker process', () => {
  let child: ChildProcess | undefined;
  let directory: string;
  afterAll(async () => {
    child?.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });

  test('SIGHUP brings new certificates and keeps clients; broken ones are told and change nothing', async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'bramble-tls-'));
    const [plain, secure, health] = await freePorts(3);
    const cluster = path.join(directory, 'cluster.yaml');
    const write = (mqttPart: string) =>
      writeFile(
        cluster,
        `cluster: { name: t, secret: 0123456789abcdef }\nnodes: [{ name: pi1, address: 127.0.0.1 }]\nmqtt: ${mqttPart}\n`,
      );
    await write(part());
    const host = '127.0.0.1';
    const config = path.join(directory, 'broker.yaml');
    const listen = {
      mqtt: { host, port: plain },
      mqttTls: { host, port: secure },
      health: { host, port: health },
    };
    await writeFile(config, JSON.stringify({ node: 'pi1', cluster, listen }));
    let output = '';
    child = spawn(path.join(ROOT, 'bin/node'), ['services/broker/main.ts', '-c', config], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout!.on('data', keep);
    child.stderr!.on('data', keep);
    await eventually('it starts', () => output.includes('broker ready'), 30_000);
    const url = `mqtts://localhost:${secure}`;
    const ada = (await connect(url, ADA)) as MqttClient;
    await write(part('', 'renewed'));
    child.kill('SIGHUP');
    await eventually('it has reloaded', () => output.includes('certificates reloaded'));
    const socket = tls.connect({ port: secure!, host: 'localhost', ca: authority.pem('ca.crt') });
    await once(socket, 'secureConnect');
    expect(socket.getPeerCertificate().subject.CN).toBe('renewed');
    socket.destroy();
    await write(part('', 'missing'));
    child.kill('SIGHUP');
    await eventually('it complains', () => output.includes('missing.crt: no such file'));
    await ada.publishAsync('still', 'here', { qos: 1 });
    expect(ada.connected).toBe(true);
  });
});
