import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventually } from '../support/broker.ts';
import { freePorts } from '../support/ports.ts';
import type { Door } from './mqtt.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Where the log lies on the data partition: /var/lib/bramble/nats of the node. */
const STORE = '/system/var/upper/lib/bramble/nats';
/** Debian's, of the version that the card has, for this machine. */
const ENGINE = './usr/sbin/nats-server';
const HOST = '127.0.0.1';
const LOGIN = { user: 'look', password: 'look' };
const START = 60_000;

/**
 * Serves, on this machine, what a node has stored on its data partition (ext4, `data`), with the
 * nats-server of `system` (the tar file of a virtual Pi) and our broker. The partition stays as it is.
 */
export async function serveStored<T>(
  data: string,
  system: string,
  cluster: string,
  act: (door: Door) => Promise<T>,
): Promise<T> {
  const work = await mkdtemp(path.join(path.dirname(data), '.stored-'));
  const place = (name: string) => path.join(work, name);
  const [engine, monitor, mqtt, health] = (await freePorts(4)) as [number, number, number, number];
  const children: ChildProcess[] = [];
  const start = async (program: string, args: string[], ready: string): Promise<void> => {
    const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    let said = '';
    const keep = (chunk: Buffer): void => {
      said = (said + chunk.toString('utf8')).slice(-4_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const answers = async () => (await fetch(ready).catch(() => undefined))?.ok === true;
    await eventually(`${path.basename(program)} is ready`, answers, START).catch((error) => {
      throw new Error(`${error}\n${said}`);
    });
  };
  try {
    await mkdir(place('store'));
    await run('debugfs', ['-R', `rdump ${STORE} ${place('store')}`, data]);
    await run('tar', ['-xf', system, '--warning=no-unknown-keyword', '-C', work, ENGINE]);
    await writeFile(
      place('nats.conf'),
      `server_name: "attic"
listen: "${HOST}:${engine}"
http: "${HOST}:${monitor}"
authorization { user: "${LOGIN.user}", password: "${LOGIN.password}" }
jetstream { store_dir: "${place('store/nats')}", max_file: 2GB }
`,
    );
    await writeFile(place('cluster.yaml'), cluster);
    const listen = (port: number) => ({ host: HOST, port });
    const broker = {
      ...{ node: 'attic', cluster: place('cluster.yaml') },
      listen: { mqtt: { ...listen(mqtt), proxyProtocol: false }, health: listen(health) },
      nats: { url: `nats://${HOST}:${engine}`, ...LOGIN },
    };
    await writeFile(place('broker.yaml'), JSON.stringify(broker));
    await start(place(ENGINE), ['-c', place('nats.conf')], `http://${HOST}:${monitor}/healthz`);
    const main = ['services/broker/main.ts', '--config', place('broker.yaml')];
    await start(path.join(ROOT, 'bin/node'), main, `http://${HOST}:${health}/readyz`);
    return await act({ port: mqtt, username: '', password: '' });
  } finally {
    for (const child of children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await rm(work, { recursive: true, force: true });
  }
}
