import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createLog } from '#core/log.ts';
import { Guard } from '../../../services/vip/guard.ts';
import { eventually } from '../../support/broker.ts';
import { freePorts } from '../../support/ports.ts';

const PATIENCE = 10_000;
const NAMES = ['pi1', 'pi2', 'pi3'];
const log = createLog({ service: 'vip', level: 'silent' });
const work = mkdtempSync(path.join(tmpdir(), 'bramble-vip-'));
const guards: Guard[] = [];

afterEach(async () => {
  await Promise.all(guards.splice(0).map((guard) => guard.close()));
  rmSync(work, { recursive: true, force: true });
});

/** Loopback addresses, as those of a machine each. */
const addressOf = (name: string): string => `127.0.0.${10 + NAMES.indexOf(name)}`;
const fault = (name: string): string => readFileSync(path.join(work, name, 'fault'), 'utf8');

async function start(name: string, ports: readonly number[], key: string): Promise<Guard> {
  const guard = new Guard(
    {
      node: name,
      address: '127.0.0.1',
      addresses: [],
      peers: NAMES.filter((other) => other !== name).map((other) => ({
        name: other,
        address: addressOf(other),
      })),
      heartbeat: { port: ports[0]!, key, interval: 50, lost: 500 },
      health: { host: '127.0.0.1', port: ports[1 + NAMES.indexOf(name)]! },
      run: path.join(work, name),
    },
    log,
    addressOf(name),
  );
  guards.push(guard);
  await guard.start(new AbortController().signal);
  return guard;
}

test('three nodes: two are a majority, one is none, and a stranger is nobody', async () => {
  const ports = await freePorts(4);
  const key = '0123456789abcdef0123456789abcdef';
  await start('pi1', ports, key);
  expect(fault('pi1')).toBe('1\n');
  expect(readFileSync(path.join(work, 'pi1', 'interface.conf'), 'utf8')).toBe('$INTERFACE=lo\n');
  await start('pi3', ports, 'another-secret-altogether');
  const second = await start('pi2', ports, key);
  const both = (): boolean => fault('pi1') === '0\n' && fault('pi2') === '0\n';
  await eventually('both may have the address', both, PATIENCE);
  expect(fault('pi3')).toBe('1\n');
  const answer = await fetch(`http://127.0.0.1:${ports[1]}/status`);
  expect(await answer.json()).toMatchObject({
    service: 'vip',
    fault: false,
    reasons: [],
    peers: [
      { name: 'pi2', reached: true },
      { name: 'pi3', reached: false },
    ],
  });
  await second.close();
  expect(fault('pi2')).toBe('1\n');
  await eventually('the last one must not', () => fault('pi1') === '1\n', PATIENCE);
  const metrics = await (await fetch(`http://127.0.0.1:${ports[1]}/metrics`)).text();
  expect(metrics).toMatch(/^bramble_vip_fault 1$/m);
});
