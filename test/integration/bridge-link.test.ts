import { createServer, type Server } from 'node:net';
import { generate, type Packet, parser } from 'mqtt-packet';
import { afterEach, expect, test } from 'vitest';
import { createLog } from '#core/log.ts';
import { MqttLink, type PublishRefused } from '../../services/bridge/mqtt/link.ts';
import { eventually } from '../support/broker.ts';
import { freePort } from '../support/ports.ts';

const PATIENCE = 20_000;
const SUCCESS = 0;
const VERSION = { protocolVersion: 5 } as const;

const servers: Server[] = [];
let link: MqttLink | undefined;

afterEach(async () => {
  await link?.close();
  for (const server of servers.splice(0)) server.close();
});

/** A broker that answers publications with these reason codes, one after the other. */
async function broker(reasons: number[]): Promise<string> {
  const server = createServer((socket) => {
    const parse = parser(VERSION);
    const answer = (packet: Packet) => socket.write(generate(packet, VERSION));
    parse.on('packet', (packet) => {
      if (packet.cmd === 'connect')
        answer({ cmd: 'connack', reasonCode: SUCCESS, sessionPresent: false } as Packet);
      if (packet.cmd === 'publish') {
        const reasonCode = reasons.shift() ?? SUCCESS;
        answer({ cmd: 'puback', messageId: packet.messageId!, reasonCode } as Packet);
      }
    });
    socket.on('data', (chunk) => parse.parse(chunk));
    socket.on('error', () => undefined);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `mqtt://127.0.0.1:${(server.address() as { port: number }).port}`;
}

function linkTo(url: string, more: string[] = []): MqttLink {
  const log = createLog({ service: 'link', node: 'n', level: 'silent' });
  link = new MqttLink({ url, more, user: 'u', password: 'p', clientId: 'c', log });
  link.start();
  return link;
}

const message = {
  topic: 'a',
  payload: Buffer.from('x'),
  qos: 1,
  retain: false,
  user: { from: 'kafka' },
} as const;

test('what a broker cannot store now may be tried again, what it will never take may not', async () => {
  const codes = [0x80, 0x83, 0x87, 0x90, 0x97, 0x99];
  const to = linkTo(await broker([...codes]));
  await to.ready();
  const hopeless: number[] = [];
  for (const code of codes) {
    const refusal = await to.publish(message).then(
      () => undefined,
      (error: PublishRefused) => error,
    );
    if (refusal!.hopeless) hopeless.push(code);
  }
  expect(hopeless).toEqual([0x87, 0x90, 0x99]);
  await to.publish(message);
});

test('a balancer that does not answer is not waited for where there is another', async () => {
  const dead = `mqtt://127.0.0.1:${await freePort()}`;
  const to = linkTo(dead, [await broker([])]);
  await eventually('it is connected', () => to.connected, PATIENCE);
  await to.publish(message);
});
