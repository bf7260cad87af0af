import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { checksFor, passGate } from '../../../../provisioning/node/gate.ts';
import { vipReasons, watchdogReasons } from '../../../../provisioning/node/gate-reasons.ts';
import { watchdogStatus } from '../../../support/stats-peers.ts';

const vip = (fault: boolean, ...reasons: string[]) => ({
  service: 'vip',
  node: 'pi1',
  pid: 1,
  startedAt: 0,
  rss: 1,
  cpu: 1,
  ready: true,
  reasons,
  fault,
  since: 0,
  owned: [],
  peers: [],
});

test('a node that could not take an address over is not well, other than where that is wanted', () => {
  expect(vipReasons(vip(false))).toEqual([]);
  expect(vipReasons(vip(true))).toEqual(['has just become well']);
  expect(vipReasons(vip(true, 'the balancer does not run'))).toEqual(['the balancer does not run']);
  expect(vipReasons(vip(true, 'drained by bramble, watchdog'))).toEqual([]);
  expect(vipReasons(vip(true, 'drained by x', 'starting'))).toEqual(['starting']);
  // The first of those that are added waits for the others.
  expect(vipReasons(vip(true, 'reaches 0 of 2 other nodes, which is no majority'))).toEqual([]);
});

test('a node that its watchdog finds down, or is about to mend, is not well', () => {
  expect(watchdogReasons(watchdogStatus())).toEqual([]);
  expect(watchdogReasons(watchdogStatus({ ready: false, reasons: ['has not looked'] }))).toEqual([
    'has not looked',
  ]);
  const down = { name: 'bridge', state: 'down', since: 0, reason: 'x: refused' } as const;
  expect(watchdogReasons(watchdogStatus({ services: [down], acting: true }))).toEqual([
    'bridge is down (x: refused)',
    'is mending this node',
  ]);
});

test('an answer of another kind is an error, which the gate tells', () => {
  expect(() => vipReasons({})).toThrow();
  expect(() => watchdogReasons('')).toThrow();
});

test('every file of a node has something that is asked', () => {
  const names = ['nats.conf', 'broker.yaml', 'balancer.cfg', 'stats.yaml', 'bridge.yaml'];
  const files = new Map([...names, 'vip.yaml', 'watchdog.yaml'].map((name) => [name, '']));
  expect(checksFor(files).map(({ what }) => what)).toEqual([
    ...['nats-server', 'broker', 'balancer', 'page', 'bridge', 'vip', 'watchdog'],
  ]);
});

test('keepalived must have run for a while', async () => {
  const drain = mkdtempSync(path.join(tmpdir(), 'bramble-gate-'));
  const files = new Map([['keepalived.conf', '']]);
  const gate = (lasted: number | undefined) =>
    passGate({
      ...{ files, whole: true, patience: 0, drain, directory: drain },
      activeFor: () => lasted,
    });
  try {
    expect(await gate(undefined)).toMatchObject({ reasons: ['keepalived: does not run'] });
    expect(await gate(200)).toMatchObject({ reasons: ['keepalived: has just started'] });
    expect(await gate(60_000)).toMatchObject({ ready: true, reasons: [] });
  } finally {
    rmSync(drain, { recursive: true });
  }
});
