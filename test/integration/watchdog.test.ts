import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type WatchdogStatus, watchdogStatusSchema } from '#core/contracts/status.ts';
import { eventually, startBrokers, type TestBrokers } from '../support/broker.ts';
import { freePort } from '../support/ports.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PATIENCE = 30_000;

/**
 * In the place of systemd, which this machine may not have: it notes what is asked of it, and a
 * restart ends the process, as systemd would; `state` is what `systemctl show` tells.
 */
const SYSTEMCTL = `#!/bin/sh
here=$(dirname "$0")
echo "$*" >>"$here/asked"
case "$1" in
  show) cat "$here/state" ;;
  restart) kill -KILL "$(cat "$here/pid")" ;;
esac
`;
const JOURNALCTL = '#!/bin/sh\necho "the last words of $2"\n';
const RUNS = 'ActiveState=active\nLoadState=loaded\n';

let work = '';
let cluster: TestBrokers;
let watchdog: ChildProcess;
let status: () => Promise<WatchdogStatus>;
const file = (name: string): string => path.join(work, name);
const asked = (): string[] =>
  existsSync(file('bin/asked')) ? readFileSync(file('bin/asked'), 'utf8').trim().split('\n') : [];

async function startWatchdog(data: string): Promise<void> {
  const health = await freePort();
  const [broker] = cluster.brokers;
  await writeFile(
    file('watchdog.yaml'),
    JSON.stringify({
      node: 'pi1',
      interval: 100,
      health: { host: '127.0.0.1', port: health },
      state: file('state'),
      data,
      drain: file('drain'),
      services: [
        {
          name: 'broker',
          unit: 'bramble-broker.service',
          alive: [{ mqtt: { host: '127.0.0.1', port: broker!.mqttPort } }],
          reboot: true,
        },
      ],
    }),
  );
  watchdog = spawn(
    path.join(ROOT, 'bin/node'),
    ['services/watchdog/main.ts', '--config', file('watchdog.yaml')],
    {
      cwd: ROOT,
      stdio: 'ignore',
      env: { ...process.env, PATH: `${file('bin')}:${process.env.PATH}` },
    },
  );
  const url = `http://127.0.0.1:${health}`;
  status = async () => watchdogStatusSchema.parse(await (await fetch(`${url}/status`)).json());
  await eventually(
    'the watchdog sees the broker',
    async () => (await status().catch(() => undefined))?.services[0]?.state === 'up',
    PATIENCE,
  );
}

beforeEach(async () => {
  work = mkdtempSync(path.join(tmpdir(), 'bramble-watchdog-'));
  for (const name of ['bin', 'state']) mkdirSync(file(name));
  await writeFile(file('bin/systemctl'), SYSTEMCTL);
  await writeFile(file('bin/journalctl'), JOURNALCTL);
  for (const name of ['systemctl', 'journalctl']) chmodSync(file(`bin/${name}`), 0o755);
  await writeFile(file('bin/state'), RUNS);
  cluster = await startBrokers({ count: 1, nats: false });
  await writeFile(file('bin/pid'), `${cluster.brokers[0]!.process!.pid}`);
});

afterEach(async () => {
  if ((watchdog.exitCode ?? watchdog.signalCode) === null) {
    const ended = once(watchdog, 'exit');
    watchdog.kill('SIGKILL');
    await ended;
  }
  await cluster.stop();
  rmSync(work, { recursive: true, force: true });
});

const isDown = async (): Promise<boolean> => (await status()).services[0]?.state !== 'up';

test('a frozen broker is restarted, what it said is kept and the page told', async () => {
  await startWatchdog(work);
  const [broker] = cluster.brokers;
  const ended = once(broker!.process!, 'exit');
  broker!.process!.kill('SIGSTOP');
  await ended;
  await broker!.start();
  await eventually('up again', async () => !(await isDown()), PATIENCE);

  expect(asked().filter((line) => line.startsWith('restart'))).toEqual([
    'restart bramble-broker.service',
  ]);
  const now = await status();
  expect(now.services[0]).toMatchObject({ name: 'broker', rung: 'restart', tries: 1 });
  expect(now.rebootsLeft).toBe(2);
  expect(now.events.map(({ subject, text }) => `${subject} ${text}`)).toEqual([
    expect.stringMatching(/^pi1 broker is down \(MQTT at .*: nothing within 4 s\).*restarts it$/),
  ]);
  const [captured] = await readdir(file('state/captures'));
  expect(readFileSync(file(`state/captures/${captured}`), 'utf8')).toBe(
    'the last words of bramble-broker.service\n',
  );
  // Its memory outlives it.
  const gone = once(watchdog, 'exit');
  watchdog.kill('SIGTERM');
  expect(await gone).toEqual([0, null]);
  await startWatchdog(work);
  expect((await status()).services[0]).toMatchObject({ rung: 'restart', tries: 1 });
}, 90_000);

test('what the owner has stopped stays stopped', async () => {
  await startWatchdog(work);
  await writeFile(file('bin/state'), RUNS.replace('active', 'inactive'));
  await cluster.brokers[0]!.kill('SIGTERM');
  await eventually(
    'it is seen',
    async () => (await status()).services[0]?.state === 'stopped',
    PATIENCE,
  );
  const rounds = asked().length;
  await eventually('more rounds', () => asked().length >= rounds + 5, PATIENCE);
  expect(asked().some((line) => line.startsWith('restart'))).toBe(false);
  expect((await status()).events).toEqual([]);
}, 90_000);

test('where nothing can be written nothing is restarted, and the owner is told why', async () => {
  // It takes no files, and has no free blocks.
  await startWatchdog('/sys/kernel');
  await cluster.brokers[0]!.kill();
  await eventually('told', async () => (await status()).events.length > 0, PATIENCE);
  const [event] = (await status()).events;
  expect(event).toMatchObject({ level: 'critical' });
  expect(event?.text).toContain(`is down and is not restarted: `);
  expect(event?.text).toMatch(/ is read-only: | is full: /);
  expect(asked().some((line) => line.startsWith('restart'))).toBe(false);
  expect((await status()).services[0]).toMatchObject({ rung: 'quarantine' });
}, 90_000);
