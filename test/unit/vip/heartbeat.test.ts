import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeHeartbeat, encodeHeartbeat } from '../../../services/vip/heartbeat.ts';
import { Peers } from '../../../services/vip/peers.ts';

const KEY = '0123456789abcdef0123456789abcdef';
const LOST = 200;
const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);
const heartbeats = fc.record({
  node: name,
  incarnation: fc.stringMatching(/^[0-9a-f]{16}$/),
  count: fc.nat(),
  serves: fc.boolean(),
  hears: fc.array(name, { maxLength: 10 }),
});

describe('a heartbeat', () => {
  test('comes out as it went in', () => {
    fc.assert(
      fc.property(heartbeats, (heartbeat) => {
        expect(decodeHeartbeat(encodeHeartbeat(heartbeat, KEY), KEY)).toEqual(heartbeat);
      }),
    );
  });

  test('is nothing when one bit of it is another, or the key is', () => {
    fc.assert(
      fc.property(heartbeats, fc.nat(), (heartbeat, at) => {
        const datagram = encodeHeartbeat(heartbeat, KEY);
        expect(decodeHeartbeat(datagram, `${KEY}0`)).toBeUndefined();
        const bit = at % (datagram.length * 8);
        datagram[bit >> 3]! ^= 1 << (bit & 7);
        expect(decodeHeartbeat(datagram, KEY)).toBeUndefined();
      }),
    );
  });

  test('may be any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
        expect(decodeHeartbeat(Buffer.from(bytes), KEY)).toBeUndefined();
      }),
    );
  });
});

describe('another node', () => {
  const beat = (count: number, hears: string[], more = {}) => ({
    ...{ node: 'pi2', incarnation: 'a', count, serves: true, hears },
    ...more,
  });

  test('is reached while it is heard and hears us', () => {
    const peers = new Peers('pi1', ['pi2', 'pi3'], LOST);
    expect(peers.reached(0)).toBe(0);
    peers.hear(beat(1, []), 0);
    expect(peers.heard(10)).toEqual(['pi2']);
    expect(peers.reached(10), 'a link that carries one way only').toBe(0);
    peers.hear(beat(2, ['pi1']), 50);
    expect([peers.reached(60), peers.serves(60)]).toEqual([1, true]);
    expect(peers.reached(50 + LOST)).toBe(0);
    expect(peers.serves(50 + LOST)).toBe(false);
    expect(peers.heard(50 + LOST)).toEqual([]);
  });

  test('is not kept alive by what was recorded', () => {
    const peers = new Peers('pi1', ['pi2'], LOST);
    expect(peers.hear(beat(5, ['pi1']), 0)).toBe(true);
    expect(peers.hear(beat(5, ['pi1']), 100)).toBe(false);
    expect(peers.hear(beat(4, ['pi1']), 100)).toBe(false);
    expect(peers.reached(LOST)).toBe(0);
  });

  test('counts anew when it has started again', () => {
    const peers = new Peers('pi1', ['pi2'], LOST);
    peers.hear(beat(500, ['pi1']), 0);
    expect(peers.hear(beat(1, ['pi1'], { incarnation: 'b' }), 10)).toBe(true);
  });

  test('is one that cluster.yaml names', () => {
    const peers = new Peers('pi1', ['pi2'], LOST);
    expect(peers.hear(beat(1, ['pi1'], { node: 'pi9' }), 0)).toBe(false);
    expect(peers.list(0)).toEqual([{ name: 'pi2', reached: false, serves: false }]);
  });
});
