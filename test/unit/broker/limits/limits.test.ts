import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { Audit } from '../../../../services/broker/auth/audit.ts';
import { REASON } from '../../../../services/broker/codec/reason.ts';
import { addressKey } from '../../../../services/broker/limits/addresses.ts';
import { Bans } from '../../../../services/broker/limits/bans.ts';
import { Gate } from '../../../../services/broker/limits/gate.ts';
import { HalfOpen } from '../../../../services/broker/limits/half-open.ts';
import { Pacer } from '../../../../services/broker/limits/pacer.ts';
import { TokenBucket } from '../../../../services/broker/limits/token-bucket.ts';
import { WindowCount } from '../../../../services/broker/limits/window-count.ts';

function limitsOf(part: string) {
  return parseCluster(`cluster: { name: t, secret: 0123456789abcdef }
nodes: [ { name: a, address: 10.0.0.1 } ]
mqtt: { limits: { ${part} } }`).mqtt.limits;
}

function gateWith(part: string) {
  const audit = new Audit(pino({ level: 'silent' }));
  return { gate: new Gate(limitsOf(part), audit), audit };
}

describe('TokenBucket', () => {
  test('never gives more than burst + rate × time, whatever the pattern of asking', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 200 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 100 }),
        (steps, rate, burst) => {
          const bucket = new TokenBucket();
          let now = 1_000;
          let given = 0;
          for (const step of steps) {
            now += step;
            if (bucket.take(now, rate, burst)) given++;
          }
          expect(given).toBeLessThanOrEqual(burst + ((now - 1_000) / 1000) * rate + 1e-6);
        },
      ),
    );
  });

  test('what is charged is owed: the wait is the debt over the rate', () => {
    const bucket = new TokenBucket();
    expect(bucket.charge(0, 100, 100, 100)).toBe(0);
    expect(bucket.charge(0, 100, 100, 50)).toBe(500);
    expect(bucket.charge(500, 100, 100, 0)).toBe(0);
    expect(bucket.isFull(500, 100, 100)).toBe(false);
    expect(bucket.isFull(1_500, 100, 100)).toBe(true);
  });
});

test('addresses: IPv4 mapped into IPv6 is IPv4, IPv6 counts by its /64', () => {
  expect(addressKey('192.0.2.1')).toBe('192.0.2.1');
  expect(addressKey('::ffff:192.0.2.1')).toBe('192.0.2.1');
  expect(addressKey('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
  expect(addressKey('2001:0db8:0001:0002::1')).toBe('2001:db8:1:2::/64');
  expect(addressKey('2001:db8::1')).toBe('2001:db8:0:0::/64');
  expect(addressKey('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
  expect(addressKey('::1')).toBe('0:0:0:0::/64');
});

test('WindowCount starts anew with each window and is bounded', () => {
  const counts = new WindowCount();
  expect(counts.add('a', 0, 100)).toBe(1);
  expect(counts.add('a', 100, 100)).toBe(2);
  expect(counts.add('a', 101, 100)).toBe(1);
  for (let i = 0; i < 50_000; i++) counts.add(`k${i}`, 200, 100);
  expect(counts.size).toBeLessThanOrEqual(10_000);
  counts.sweep(1_000, 100);
  expect(counts.size).toBe(0);
});

describe('Bans', () => {
  const ban = (value: string, ms: number) => {
    const since = Date.now();
    return { kind: 'client' as const, value, why: 'w', by: 't', since, until: since + ms };
  };

  test('hold until their time or until they are lifted, and tell the others', () => {
    const here = new Bans();
    const there = new Bans();
    here.onNews = (news) => there.hear(JSON.parse(JSON.stringify(news)));
    here.set(ban('a', 60_000));
    here.set(ban('b', -1));
    expect([here.find('client', 'a'), there.find('client', 'a')].map((x) => x?.value)).toEqual([
      'a',
      'a',
    ]);
    expect(here.find('client', 'b')).toBeUndefined();
    expect(here.find('user', 'a')).toBeUndefined();
    expect(here.lift('client', 'a')).toBe(true);
    expect(here.lift('client', 'a')).toBe(false);
    expect(there.find('client', 'a')).toBeUndefined();
  });

  test('are bounded: the one that ends first goes', () => {
    const bans = new Bans();
    for (let i = 0; i < 10_001; i++) bans.set(ban(`c${i}`, 60_000 + i));
    expect(bans.size).toBe(10_000);
    expect(bans.find('client', 'c0')).toBeUndefined();
    expect(bans.find('client', 'c10000')).toBeDefined();
  });
});

test('half-open: a crowd that comes at once has a second, and never more than the second bound', () => {
  const half = new HalfOpen();
  const gone: number[] = [];
  const come = (i: number, now: number): void => {
    const arrival = { address: '', port: 0, refusal: 0, destroy: () => gone.push(i) };
    half.add(arrival, 10, 50, now);
  };
  for (let i = 0; i < 50; i++) come(i, 0);
  expect(gone).toEqual([]);
  for (let i = 50; i < 60; i++) come(i, 10);
  expect(gone).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  come(60, 1_005);
  expect([half.size, half.evicted, gone.at(-1)]).toEqual([11, 50, 49]);
  half.evict(10, 50, 1_010);
  expect(half.size).toBe(10);
});

describe('Gate', () => {
  test('half-open: the oldest makes room, one address has its share', () => {
    const { gate, audit } = gateWith('halfOpen: 4, halfOpenPerAddress: 2, connections: 4');
    const gone: number[] = [];
    const enter = (i: number, address: string) => {
      const arrival = gate.enter(() => {
        gone.push(i);
        gate.leave(arrival);
      });
      return gate.admit(arrival, address, 1, false);
    };
    expect([1, 2, 3].map((i) => enter(i, '192.0.2.1'))).toEqual([true, true, false]);
    expect(audit.refused.connect).toBe(1);
    for (let i = 4; i < 9; i++) expect(enter(i, `198.51.100.${i}`)).toBe(true);
    expect(gone.slice(0, 3)).toEqual([1, 2, 3]);
    expect(gate.halfOpen.size).toBe(4);
    expect(gate.halfOpen.evicted).toBe(4);
  });

  test('counts go back to nothing when all have left, in whatever order things happen', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            who: fc.integer({ min: 0, max: 9 }),
            act: fc.constantFrom('enter', 'admit', 'identify', 'leave', 'fail', 'end'),
            address: fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1', '127.0.0.1'),
            silent: fc.boolean(),
          }),
          { maxLength: 300 },
        ),
        (steps) => {
          const { gate } = gateWith(
            'halfOpen: 5, connections: 5, halfOpenPerAddress: 2, connectionsPerAddress: 3, connectRatePerAddress: 0.4, bans: { flaps: 2, failures: 2 }',
          );
          type Arrival = ReturnType<Gate['enter']>;
          const live = new Map<number, { arrival: Arrival; stage: number }>();
          const leave = (who: number): void => {
            const one = live.get(who);
            live.delete(who);
            if (one !== undefined) gate.leave(one.arrival);
          };
          for (const { who, act, address, silent } of steps) {
            const one = live.get(who);
            if (act === 'enter' && one === undefined) {
              const arrival = gate.enter(() => leave(who));
              live.set(who, { arrival, stage: 0 });
            } else if (act === 'admit' && one?.stage === 0) {
              one.stage = 1;
              if (!gate.admit(one.arrival, address, 1, silent)) leave(who);
            } else if (act === 'identify' && one?.stage === 1) {
              one.stage = 2;
              if (gate.identify(one.arrival, `c${who}`, 'u') !== undefined) leave(who);
            } else if (act === 'leave') leave(who);
            else if (act === 'fail' && one?.stage === 2) gate.loginFailed(one.arrival);
            else if (act === 'end' && one?.stage === 2) {
              gate.ended(one.arrival, `c${who}`, 'lost');
              leave(who);
            }
            expect(gate.halfOpen.size).toBeLessThanOrEqual(5);
          }
          for (const who of [...live.keys()]) leave(who);
          expect(gate.halfOpen.size).toBe(0);
          for (const address of ['192.0.2.1', '192.0.2.2', '2001:db8::1', '127.0.0.1']) {
            const state = gate.addresses.get(addressKey(address));
            expect([state?.connections ?? 0, state?.halfOpen ?? 0]).toEqual([0, 0]);
          }
        },
      ),
    );
  });

  test('rates, connections and bans by address: each with its reason; exempt addresses are free', () => {
    const { gate } = gateWith(
      'connectRatePerAddress: 0.3, connectionsPerAddress: 4, bans: { failures: 1 }',
    );
    const visit = (address: string, keep = false) => {
      const arrival = gate.enter(() => {});
      gate.admit(arrival, address, 1, false);
      const reason = gate.identify(arrival, 'c', undefined)?.reason ?? 0;
      if (!keep) gate.leave(arrival);
      return { reason, arrival };
    };
    const reasons = (address: string, times: number, keep = false) =>
      Array.from({ length: times }, () => visit(address, keep).reason);
    expect(reasons('192.0.2.1', 4)).toEqual([0, 0, 0, REASON.CONNECTION_RATE_EXCEEDED]);
    expect(reasons('192.0.2.2', 1)).toEqual([0]);
    expect(reasons('127.0.0.1', 50, true)).toEqual(new Array(50).fill(0));
    const { arrival } = visit('192.0.2.3');
    gate.loginFailed(arrival);
    gate.loginFailed(arrival);
    expect(reasons('192.0.2.3', 1)).toEqual([REASON.BANNED]);
    expect(gate.bans.lift('address', '192.0.2.3')).toBe(true);
    expect(reasons('192.0.2.3', 1)).toEqual([0]);
    gate.configure(limitsOf('connectionsPerAddress: 2'));
    expect(reasons('192.0.2.4', 3, true)).toEqual([0, 0, REASON.QUOTA_EXCEEDED]);
  });

  test('the whole node’s connect rate holds for everybody', () => {
    const { gate } = gateWith('connectRate: 1');
    const refused = Array.from({ length: 12 }, () => {
      const arrival = gate.enter(() => {});
      gate.admit(arrival, '127.0.0.1', 1, false);
      return gate.identify(arrival, 'c', undefined)?.reason;
    }).filter((reason) => reason === REASON.CONNECTION_RATE_EXCEEDED);
    expect(refused.length).toBe(2);
  });
});

describe('Pacer', () => {
  test('pauses end together on one timer, and all of them when it closes', async () => {
    const pacer = new Pacer({ publishRate: 100 });
    const clients = Array.from({ length: 50 }, () => ({ pace: undefined }));
    const pauses = clients.map((client) => {
      for (let i = 0; i < 100; i++) expect(pacer.charge(client, 10)).toBeUndefined();
      // On a busy machine more is allowed meanwhile.
      let pause: Promise<void> | undefined;
      while (pause === undefined) pause = pacer.charge(client, 10);
      return pause;
    });
    expect(new Set(pauses).size).toBeLessThan(10);
    await Promise.all(pauses);
    const long = clients.map((client) => {
      for (let i = 0; i < 1_000; i++) pacer.charge(client, 10);
      return pacer.charge(client, 10);
    });
    pacer.close();
    await Promise.all(long);
  });

  test('without limits it is off', () => {
    const pacer = new Pacer({});
    expect(pacer.active).toBe(false);
    pacer.configure({ publishBytes: 1_000 });
    expect(pacer.active).toBe(true);
    const client = { pace: undefined };
    expect(pacer.charge(client, 1_000)).toBeUndefined();
    expect(pacer.charge(client, 1)).toBeDefined();
    pacer.close();
  });
});

test('limits in cluster.yaml: wrong networks and unknown names are refused with their place', () => {
  expect(() => limitsOf('exempt: [ 10.0.0.0/33 ]')).toThrow(/3:\d+: mqtt\.limits\.exempt\.0/);
  expect(() => limitsOf('exempt: [ host ]')).toThrow(/network such as/);
  expect(() => limitsOf('conectRate: 5')).toThrow(/did you mean "connectRate"/);
  expect(limitsOf('exempt: [ "2001:db8::/32", 10.1.2.3 ]').exempt).toHaveLength(2);
});
