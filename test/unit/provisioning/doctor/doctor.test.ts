import { expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { journalWords } from '../../../../provisioning/cli/logs.ts';
import { differences, type Inspected, inspect } from '../../../../provisioning/doctor/examine.ts';
import { summarize } from '../../../../provisioning/status/rows.ts';

const cluster = parseCluster(`cluster: { name: home, secret: 0123456789abcdef }
nodes: [{ name: pi1, address: 10.0.0.1 }, { name: pi2, address: 10.0.0.2 }]
vip: 10.0.0.9
`);
const TARGET = { user: 'admin', address: '10.0.0.1' };

function healthy(changes: Partial<Inspected> = {}): Inspected {
  return {
    hostname: 'pi1',
    release: 'bramble-1',
    cluster: 'aaa',
    drainedBy: [],
    addresses: ['10.0.0.1'],
    now: Date.now(),
    units: [{ unit: 'bramble-broker.service', active: 'active', sub: 'running', restarts: 0 }],
    disk: { size: 1000, free: 500 },
    gate: { ready: true, reasons: [] },
    ...changes,
  };
}
const found = (changes: Partial<Inspected>) => inspect('pi1', healthy(changes), 100, TARGET);

test('a healthy node has nothing', () => {
  expect(found({})).toEqual([]);
});

test.each<[string, Partial<Inspected>, string]>([
  ['calls itself', { hostname: 'raspberrypi' }, 'bramble apply --nodes pi1'],
  ['3600 s off', { now: Date.now() + 3_600_000 }, 'chronyc makestep'],
  ['MiB left', { disk: { size: 1000, free: 10 } }, 'du -xh'],
  [
    'broker has failed',
    { units: [{ unit: 'bramble-broker.service', active: 'failed', sub: 'failed', restarts: 0 }] },
    'bramble logs pi1 --service broker',
  ],
  [
    'started again 9 times',
    { units: [{ unit: 'bramble-broker.service', active: 'active', sub: 'running', restarts: 9 }] },
    'bramble logs',
  ],
  [
    'drained by operator',
    { drainedBy: ['operator'], gate: { ready: false, reasons: ['broker: drained by operator'] } },
    'bramble undrain pi1',
  ],
  ['drained by watchdog', { drainedBy: ['watchdog'] }, '--by watchdog'],
  [
    'nats-server: does not answer',
    { gate: { ready: false, reasons: ['nats-server: does not answer'] } },
    'bramble logs pi1',
  ],
])('%s', (what, changes, mend) => {
  const findings = found(changes);
  expect(findings).toHaveLength(1);
  expect(findings[0]?.what).toContain(what);
  expect(findings[0]?.mend).toContain(mend);
});

test('what differs between nodes, and who has the vip', () => {
  const two = (first: Partial<Inspected>, second: Partial<Inspected>) =>
    differences({ cluster, hash: 'aaa' }, [
      { name: 'pi1', told: healthy(first) },
      { name: 'pi2', told: healthy({ hostname: 'pi2', ...second }) },
    ]).map(({ subject, what }) => `${subject}: ${what}`);
  const owner = { addresses: ['10.0.0.9'] };
  expect(two(owner, {})).toEqual([]);
  expect(two(owner, { release: 'bramble-2' })).toEqual([
    'cluster: several releases: bramble-1 on pi1; bramble-2 on pi2',
  ]);
  expect(two(owner, { cluster: 'bbb' })).toEqual([
    'pi2: runs with another cluster.yaml than the one here',
  ]);
  expect(two({}, {})).toEqual(['cluster: no node has the vip 10.0.0.9']);
  expect(two(owner, owner)).toEqual(['cluster: pi1 and pi2 have the vip 10.0.0.9']);
});

test('status: the worst news counts, and a node that no page reaches is told by the others', () => {
  const snapshot = (state: string) => ({
    at: 1000,
    health: { state, problems: [] },
    nodes: [
      {
        name: 'pi1',
        vitals: { state: 'stale', value: undefined },
        broker: { status: { state: 'stale', value: undefined } },
      },
    ],
    balancers: [],
  });
  const answer = (name: string, state: string | undefined) => ({
    name,
    address: '',
    snapshot: state === undefined ? undefined : snapshot(state),
    error: state === undefined ? 'does not answer' : undefined,
  });
  const status = summarize(
    [answer('pi1', undefined), answer('pi2', 'healthy'), answer('pi3', 'degraded')],
    2000,
  );
  expect(status).toMatchObject({ state: 'degraded', seenBy: 'pi3' });
  expect(status.nodes[0]).toMatchObject({
    page: false,
    broker: 'stale',
    clients: undefined,
    error: 'does not answer',
  });
  expect(summarize([answer('pi1', undefined)], 0).state).toBe('unreachable');
});

test('what goes to the shell of another machine is one word each', () => {
  expect(journalWords({ service: 'broker', lines: 5, since: '-15 min' })).toContain(
    "--since='-15 min'",
  );
  for (const since of ["x'; reboot; '", '$(reboot)', '`reboot`', 'a\nb']) {
    expect(() => journalWords({ since })).toThrow('is no time');
  }
  expect(() => journalWords({ service: '*; reboot' })).toThrow('no service');
});
