import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/broker.ts';
import { freePorts } from '../support/ports.ts';
import { builtImage } from './built.ts';
import { Machine } from './machine.ts';
import { readAt, readFat, readMbr } from './partitions.ts';
import { succeeds } from './virtual-pi.ts';

/** Upper bounds under emulation, milliseconds. */
const BOOT = 600_000;
const READY = 300_000;
/** A card that is larger than the image, and not by a round number. */
const CARD = 3_000_000_000 - 512 * 7;

let work = '';
let card = '';
let machine: Machine;
let mqtt = 0;
let page = 0;

beforeAll(async () => {
  work = await mkdtemp(path.join(tmpdir(), 'bramble-card-'));
  card = path.join(work, 'card.img');
  await promisify(execFile)('cp', ['--sparse=always', await builtImage(), card]);
  await truncate(card, CARD);
  [mqtt, page] = (await freePorts(2)) as [number, number];
  machine = await Machine.start({ image: card, forward: { 1883: mqtt, 80: page } });
});
afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});

async function status(): Promise<string> {
  const { parts } = await readMbr(card);
  return readFat(card, parts[0]!.start, 'STATUS.txt');
}

test('from the card to a login prompt', async () => {
  const from = performance.now();
  await eventually(
    'a login prompt',
    () => {
      if (!machine.running) throw new Error(`QEMU ended:\n${machine.console.slice(-4_000)}`);
      return machine.console.includes('login:');
    },
    BOOT,
  ).catch((error: unknown) => {
    throw new Error(`${error}:\n${machine.console.slice(-4_000)}`);
  });
  console.log(`login prompt after ${((performance.now() - from) / 1000).toFixed(0)} s`);
});

test('its first start serves MQTT and the page, with the login that STATUS.txt tells', async () => {
  let text = '';
  const told = async () => {
    text = await status();
  };
  await eventually('STATUS.txt is written', () => succeeds(told), READY);
  const username = /^MQTT user: (\S+)\r$/m.exec(text)?.[1] ?? '';
  const password = /^Password: +(\S+)\r$/m.exec(text)?.[1] ?? '';
  const options = { username, password, protocolVersion: 5, reconnectPeriod: 0 } as const;
  const roundTrip = async () => {
    const client = await connectAsync(`mqtt://127.0.0.1:${mqtt}`, options);
    try {
      const message = new Promise((resolve) => client.once('message', (_, body) => resolve(body)));
      await client.subscribeAsync('attic/door', { qos: 1 });
      await client.publishAsync('attic/door', 'open', { qos: 1 });
      expect(`${await message}`).toBe('open');
    } finally {
      await client.endAsync(true);
    }
  };
  await eventually('a message goes round', () => succeeds(roundTrip), READY);
  const answer = await fetch(`http://127.0.0.1:${page}/`);
  expect(answer.status).toBe(200);
});

test('the data partition has grown to the end of the card', async () => {
  const grown = async () => {
    const { parts } = await readMbr(card);
    const data = parts[3]!;
    // ext4's superblock: blocks at 4, the block size as a power of two over 1024 at 24.
    const superblock = await readAt(card, data.start + 1024, 32);
    const bytes = superblock.readUInt32LE(4) * (1024 << superblock.readUInt32LE(24));
    const { size } = await stat(card);
    const slack = 2 * 1024 * 1024;
    return data.start + data.size > size - slack && bytes > data.size - slack;
  };
  await eventually('the file system ends where the card ends', grown, READY);
});
