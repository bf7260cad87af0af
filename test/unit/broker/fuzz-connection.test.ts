import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type InProcessBroker, Peer, startInProcess } from '../../support/broker-peer.ts';
import { connect, packet, properties, text, uint16 } from '../../support/mqtt-bytes.ts';

/** The connection's state machine under random sequences of right and wrong packets, with a model. */
let server: InProcessBroker;
beforeAll(async () => {
  server = await startInProcess('{ anonymous: true, limits: { packet: 16 KiB } }');
});
afterAll(() => server?.stop());

type Version = 4 | 5;
type Step =
  | { kind: 'publish'; qos: 0 | 1 | 2; id: number; topic: string; retain: boolean }
  | { kind: 'pubrel' | 'pubrec' | 'pubcomp' | 'puback'; id: number }
  | { kind: 'subscribe' | 'unsubscribe'; id: number; filter: string; qos: number }
  | { kind: 'ping' }
  | { kind: 'wrong'; frame: Buffer; reason: number };

const id = fc.integer({ min: 1, max: 4 });
const topic = fc.constantFrom('f/a', 'f/b', 'f/b/c', 'f//', 'g');
const filter = fc.constantFrom('f/#', 'f/+', '#', 'g', '$share/s/f/a', 'f/a', 'bad#');

const rightStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('publish' as const),
    qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
    id,
    topic,
    retain: fc.boolean(),
  }),
  fc.record({
    kind: fc.constantFrom(
      'pubrel' as const,
      'pubrec' as const,
      'pubcomp' as const,
      'puback' as const,
    ),
    id: fc.integer({ min: 100, max: 104 }),
  }),
  fc.record({ kind: fc.constant('pubrel' as const), id }),
  fc.record({
    kind: fc.constantFrom('subscribe' as const, 'unsubscribe' as const),
    id,
    filter,
    qos: fc.integer({ min: 0, max: 2 }),
  }),
  fc.constant({ kind: 'ping' as const }),
);

const WRONG: [Buffer, Buffer, number][] = [
  [packet(0x36, text('a')), packet(0x36, text('a')), 0x81],
  [packet(0x30, text('a/#')), packet(0x30, text('a/#'), properties()), 0x90],
  [packet(0x32, text('a'), uint16(0)), packet(0x32, text('a'), uint16(0), properties()), 0x82],
  [
    packet(0x80, uint16(1), text('a'), [0]),
    packet(0x80, uint16(1), properties(), text('a'), [0]),
    0x81,
  ],
  [packet(0x82, uint16(1)), packet(0x82, uint16(1), properties()), 0x82],
  [packet(0xa2, uint16(1)), packet(0xa2, uint16(1), properties()), 0x82],
  [packet(0x60, uint16(1)), packet(0x60, uint16(1)), 0x81],
  [packet(0x40), packet(0x40), 0x81],
  [connect(), connect({ level: 5 }), 0x82],
  [packet(0x20, [0, 0]), packet(0x20, [0, 0]), 0x82],
  [packet(0xf0), packet(0xf0), 0x82],
  [packet(0xc1), packet(0xc1), 0x81],
  [packet(0xe0, [9, 9]), packet(0xe0, [9, 9]), 0x81],
  [Buffer.from('30ffffff7f', 'hex'), Buffer.from('30ffffff7f', 'hex'), 0x95],
  [Buffer.from('c0ffffffff7f', 'hex'), Buffer.from('c0ffffffff7f', 'hex'), 0x81],
];

const wrongStep = (version: Version): fc.Arbitrary<Step> =>
  fc.constantFrom(
    ...WRONG.map(([v4, v5, reason]) => ({
      kind: 'wrong' as const,
      frame: version === 5 ? v5 : v4,
      reason,
    })),
  );

function bytesOf(step: Step, version: Version): Buffer {
  const section = version === 5 ? [properties()] : [];
  switch (step.kind) {
    case 'publish': {
      const first = 0x30 | (step.qos << 1) | (step.retain ? 1 : 0);
      const ids = step.qos > 0 ? [uint16(step.id)] : [];
      return packet(first, text(step.topic), ...ids, ...section, Buffer.from('x'));
    }
    case 'puback':
      return packet(0x40, uint16(step.id));
    case 'pubrec':
      return packet(0x50, uint16(step.id));
    case 'pubrel':
      return packet(0x62, uint16(step.id));
    case 'pubcomp':
      return packet(0x70, uint16(step.id));
    case 'subscribe':
      return packet(0x82, uint16(step.id), ...section, text(step.filter), [step.qos]);
    case 'unsubscribe':
      return packet(0xa2, uint16(step.id), ...section, text(step.filter));
    case 'ping':
      return packet(0xc0);
    case 'wrong':
      return step.frame;
  }
}

/** What the server answers, without the messages that it delivers; and why it hangs up. */
function model(steps: readonly Step[]): { answers: string[]; reason: number | undefined } {
  const answers: string[] = [];
  for (const step of steps) {
    if (step.kind === 'wrong') return { answers, reason: step.reason };
    if (step.kind === 'publish' && step.qos > 0) {
      answers.push(`${step.qos === 1 ? 'puback' : 'pubrec'} ${step.id}`);
    } else if (step.kind === 'pubrel') answers.push(`pubcomp ${step.id}`);
    else if (step.kind === 'pubrec') answers.push(`pubrel ${step.id}`);
    else if (step.kind === 'subscribe') answers.push(`suback ${step.id}`);
    else if (step.kind === 'unsubscribe') answers.push(`unsuback ${step.id}`);
    else if (step.kind === 'ping') answers.push('pingresp');
  }
  return { answers, reason: undefined };
}

interface Run {
  version: Version;
  clean: boolean;
  steps: Step[];
  cuts: number[];
  end: 'disconnect' | 'reset' | 'fin';
}

const run: fc.Arbitrary<Run> = fc.constantFrom(4 as const, 5 as const).chain((version) =>
  fc
    .record({
      before: fc.array(rightStep, { maxLength: 12 }),
      wrong: fc.option(wrongStep(version), { freq: 2, nil: undefined }),
      after: fc.array(rightStep, { maxLength: 4 }),
      clean: fc.boolean(),
      cuts: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 6 }),
      end: fc.constantFrom('disconnect' as const, 'reset' as const, 'fin' as const),
    })
    .map(({ before, wrong, after, ...rest }) => ({
      version,
      ...rest,
      steps: wrong === undefined ? before : [...before, wrong, ...after],
    })),
);

async function play({ version, clean, steps, cuts, end }: Run): Promise<void> {
  const peer = await Peer.open(server.port);
  peer.version = version;
  const payload = [text('fuzzed')];
  const bytes = Buffer.concat([
    connect({ level: version, flags: clean ? 2 : 0, payload }),
    ...steps.map((step) => bytesOf(step, version)),
  ]);
  let at = 0;
  for (const cut of cuts) {
    peer.raw(bytes.subarray(at, at + cut));
    at += cut;
    await new Promise((go) => setImmediate(go));
  }
  peer.raw(bytes.subarray(at));
  await peer.expect('connack');
  const { answers, reason } = model(steps);
  const got: string[] = [];
  while (reason !== undefined || got.length < answers.length) {
    const one = await peer.next();
    if (one === undefined) break;
    if (one.cmd === 'publish') continue;
    if (one.cmd === 'disconnect') {
      expect((one as { reasonCode?: number }).reasonCode).toBe(reason);
      expect(await peer.next()).toBeUndefined();
      break;
    }
    // What a session had in flight before may be released first.
    if (one.cmd === 'pubrel' && !answers.includes(`pubrel ${one.messageId}`)) continue;
    got.push(one.cmd === 'pingresp' ? one.cmd : `${one.cmd} ${one.messageId}`);
  }
  if (reason === undefined) {
    expect(got.sort()).toEqual(answers.sort());
    if (end === 'disconnect') peer.raw(packet(0xe0));
    if (end === 'reset') peer.socket.resetAndDestroy();
    else peer.socket.end();
  } else {
    for (const one of got) expect(answers).toContain(one);
  }
  while (!peer.closed) await new Promise((go) => setTimeout(go, 1));
}

test('any sequence is answered as the model says, and nobody else notices', async () => {
  const witness = await server.peer({ clientId: 'witness', version: 5 });
  await witness.subscribe('witness', 1);
  let runs = 0;
  let steps = 0;
  await fc.assert(
    fc.asyncProperty(run, async (one) => {
      runs++;
      steps += one.steps.length;
      await play(one);
      if (runs % 10 !== 0) return;
      witness.send({
        cmd: 'publish',
        topic: 'witness',
        payload: String(runs),
        qos: 1,
        messageId: 1,
      });
      const both = [await witness.next(), await witness.next()];
      expect(both.map((packet) => packet?.cmd).sort()).toEqual(['puback', 'publish']);
      const delivered = both.find((packet) => packet?.cmd === 'publish');
      witness.send({ cmd: 'puback', messageId: delivered?.messageId });
    }),
    { numRuns: 600 },
  );
  const until = performance.now() + 5_000;
  while (server.broker.sessions.connections.size > 1 && performance.now() < until) {
    await new Promise((go) => setTimeout(go, 10));
  }
  const { connections, connected, size } = server.broker.sessions;
  console.log(`sequences: ${runs}, packets: ${steps}, connections left: ${connections.size - 1}`);
  expect([connections.size, connected]).toEqual([1, 1]);
  // The witness, and at most the one session that a last client left behind.
  expect(size).toBeLessThanOrEqual(2);
}, 120_000);
