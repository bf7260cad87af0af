import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/ports.ts';
import type { Ports } from './mqtt/run.ts';

/** Mosquitto alone on a free loopback port, without persistence: the peer of the figures. */
export class Mosquitto {
  port = 0;
  #child: ChildProcess | undefined;
  #directory = '';

  async start(): Promise<void> {
    this.port = await freePort();
    this.#directory = await mkdtemp(path.join(tmpdir(), 'bramble-bench-'));
    const file = path.join(this.#directory, 'mosquitto.conf');
    // No cap on queued messages: a drop would make its throughput look better than it is.
    await writeFile(
      file,
      `listener ${this.port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n`,
    );
    this.#child = spawn('mosquitto', ['-c', file], { stdio: 'ignore' });
    await waitForPort(this.port);
  }

  get ports(): Ports {
    return { publish: this.port, subscribe: this.port };
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  async close(): Promise<void> {
    this.#child?.kill();
    if (this.#directory !== '') await rm(this.#directory, { recursive: true });
  }
}

const ATTEMPTS = 100;
const PAUSE = 50;

async function waitForPort(port: number): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (open) return;
    await sleep(PAUSE);
  }
  throw new Error(`nothing listens on port ${port}`);
}
