import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { discover, gather } from '../../../../provisioning/discover/discover.ts';
import { ptrQuestion, readRecords } from '../../../../provisioning/discover/dns-message.ts';

const label = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
const name = (...labels: string[]) => Buffer.concat([...labels.map(label), Buffer.from([0])]);
const u16 = (...values: number[]) =>
  Buffer.concat(values.map((value) => Buffer.from([value >> 8, value & 255])));

function record(owner: Buffer, type: number, data: Buffer): Buffer {
  return Buffer.concat([owner, u16(type, 0x8001, 0, 120, data.length), data]);
}

/** What avahi answers for one node: PTR, SRV with a pointer into it, A and AAAA. */
function announcement(host: string, octet: number): Buffer {
  const service = name('_mqtt', '_tcp', 'local');
  const ptr = record(service, 12, Buffer.concat([label(host), Buffer.from([0xc0, 12])]));
  const instance = Buffer.concat([label(host), Buffer.from([0xc0, 12])]);
  const target = name(host, 'local');
  return Buffer.concat([
    u16(0, 0x8400, 0, 1, 0, 4),
    ptr,
    record(instance, 33, Buffer.concat([u16(0, 0, 1883), target])),
    record(target, 28, Buffer.from('fe800000000000000000000000000001', 'hex')),
    record(target, 1, Buffer.from([10, 0, 0, octet])),
    record(target, 16, Buffer.from('\u0003a=b')),
  ]);
}

test('an answer of avahi', () => {
  expect(gather(readRecords(announcement('pi1', 1)))).toEqual([
    { name: 'pi1', port: 1883, addresses: ['10.0.0.1', 'fe80::1'] },
  ]);
});

test('a question and other services are none', () => {
  expect(readRecords(ptrQuestion('_mqtt._tcp.local'))).toEqual([]);
  const other = announcement('tv', 9);
  other.write('_http', other.indexOf('_mqtt'));
  expect(gather(readRecords(other))).toEqual([]);
});

test('whatever arrives, nothing throws and nothing goes on for ever', () => {
  const packet = announcement('pi1', 1);
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: packet.length }),
      fc.uint8Array({ maxLength: 40 }),
      (at, noise) => {
        const bytes = Buffer.concat([
          packet.subarray(0, at),
          noise,
          packet.subarray(at + noise.length),
        ]);
        expect(readRecords(bytes).length).toBeLessThan(500);
        expect(readRecords(Buffer.from(noise)).length).toBeLessThan(500);
      },
    ),
    { numRuns: 2000 },
  );
  // Two names that point at each other.
  expect(
    readRecords(Buffer.concat([u16(0, 0x8400, 0, 2, 0, 0), Buffer.from([0xc0, 14, 0xc0, 12])])),
  ).toEqual([]);
});

test('machines that answer on the network are found, each once', async () => {
  const socket = createSocket('udp4');
  let asked = 0;
  socket.on('message', (question, from) => {
    asked++;
    expect(question.includes('_mqtt')).toBe(true);
    for (const [i, host] of ['pi2', 'pi1'].entries())
      socket.send(announcement(host, 2 - i), from.port, from.address);
    socket.send(Buffer.from('noise'), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const found = await discover({
    patience: 1_600,
    group: { address: '127.0.0.1', port: socket.address().port },
  });
  socket.close();
  expect(asked).toBeGreaterThan(1);
  expect(found.map(({ name: host, addresses }) => [host, addresses[0]])).toEqual([
    ['pi1', '10.0.0.1'],
    ['pi2', '10.0.0.2'],
  ]);
});
