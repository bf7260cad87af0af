import { headers as newHeaders } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import type { Bus } from '#core/jetstream/bus.ts';
import { DirectGets } from '#core/message-log/direct-gets.ts';

/** Answers as nats-server does: the leader has 'right' at 7, replicas what is given. */
function engine(version: string | undefined, leader = true, replicas = ['some']) {
  const asked: string[] = [];
  const request = async (subject: string) => {
    asked.push(subject);
    if (subject.startsWith('$JS.API.DIRECT.GET.')) {
      const headers = newHeaders();
      headers.set('Nats-Sequence', '7');
      return { headers, data: Buffer.from(replicas[asked.length % replicas.length]!) };
    }
    if (!leader) throw new Error('timeout');
    const message = { seq: 7, data: Buffer.from('right').toString('base64') };
    return { data: Buffer.from(JSON.stringify({ message })) };
  };
  const info = version === undefined ? undefined : { version };
  const bus = { connected: true, nats: { info, request } } as unknown as Bus;
  return { gets: new DirectGets(bus), asked };
}

test.each(['2.10.0', '2.10.27', '2.11.1', '3.0.0'])(
  'any replica of %s is asked',
  async (version) => {
    const { gets, asked } = engine(version);
    await gets.from(1, 7);
    expect(asked).toEqual(['$JS.API.DIRECT.GET.BRAMBLE_LOG_1']);
  },
);

test.each(['2.9.10', '2.9.25', '1.4.1', 'unknown', undefined])(
  'of %s only the leader is believed',
  async (version) => {
    const { gets, asked } = engine(version);
    expect((await gets.from(1, 7))?.bytes.toString()).toBe('right');
    expect(asked).toEqual(['$JS.API.STREAM.MSG.GET.BRAMBLE_LOG_1']);
  },
);

test('without a leader an old one is believed when its replicas agree', async () => {
  const { gets, asked } = engine('2.9.10', false);
  expect((await gets.from(1, 7))?.bytes.toString()).toBe('some');
  expect(asked.slice(1)).toEqual(Array(4).fill('$JS.API.DIRECT.GET.BRAMBLE_LOG_1'));
});

test('and not when they differ', async () => {
  const { gets } = engine('2.9.10', false, ['some', 'some', 'wrong']);
  await expect(gets.from(1, 7)).rejects.toThrow('no answer');
});
