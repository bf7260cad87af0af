import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mqttCheck } from '../../services/balancer/checks/presets/mqtt.ts';
import { freePorts } from '../support/ports.ts';
import { runScript } from '../support/run-script.ts';

/** Mosquitto, which lets everybody in on one port and only `pi` on the other. */
describe('option mqtt-check against Mosquitto', () => {
  let directory: string;
  let open: number;
  let closed: number;
  const brokers: ChildProcess[] = [];

  async function start(port: number, lines: string): Promise<void> {
    const file = path.join(directory, `${port}.conf`);
    await writeFile(file, `listener ${port} 127.0.0.1\n${lines}\n`);
    brokers.push(spawn('mosquitto', ['-c', file], { stdio: 'ignore' }));
    for (const end = Date.now() + 10_000; Date.now() < end; await sleep(30)) {
      const up = await new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1', () => socket.destroy() && resolve(true));
        socket.on('error', () => resolve(false));
      });
      if (up) return;
    }
    throw new Error('mosquitto does not listen');
  }

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'bramble-mqtt-check-'));
    [open, closed] = (await freePorts(2)) as [number, number];
    await start(open, 'allow_anonymous true');
    await start(closed, 'allow_anonymous false');
  }, 30_000);
  afterAll(async () => {
    for (const broker of brokers) {
      broker.kill('SIGCONT');
      broker.kill('SIGKILL');
    }
    await rm(directory, { recursive: true, force: true });
  });

  test.each([4, 5] as const)(
    'protocol level %i: good, refused, refused but alive',
    async (version) => {
      expect(await runScript(mqttCheck({ version }), open)).toMatchObject({
        status: 'L7OK',
        code: 0,
      });
      const refused = await runScript(mqttCheck({ version }), closed);
      expect(refused).toMatchObject({ status: 'L7STS', code: version === 4 ? 5 : 0x87 });
      expect(refused.info).toBe('not authorized');
      const alive = await runScript(mqttCheck({ version, acceptRefusal: true }), closed);
      expect(alive).toMatchObject({ status: 'L7OK' });
    },
  );

  test('credentials are sent', async () => {
    const check = mqttCheck({ user: 'nobody', password: 'x' });
    expect(await runScript(check, closed)).toMatchObject({ status: 'L7STS' });
    expect(await runScript(check, open)).toMatchObject({ status: 'L7OK' });
  });

  test('a frozen broker accepts connections and is found out', async () => {
    brokers[0]!.kill('SIGSTOP');
    try {
      expect(await runScript(mqttCheck(), open, { limit: 300 })).toMatchObject({
        status: 'L7TOUT',
      });
    } finally {
      brokers[0]!.kill('SIGCONT');
    }
    expect(await runScript(mqttCheck(), open)).toMatchObject({ status: 'L7OK' });
  });
});
