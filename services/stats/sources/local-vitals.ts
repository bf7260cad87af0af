import { readFile } from 'node:fs/promises';
import os from 'node:os';
import si from 'systeminformation';
import type { Vitals } from '#core/contracts/vitals.ts';
import { CpuUsage } from './cpu-usage.ts';
import { readDisks } from './disks.ts';
import { readIdentity } from './identity.ts';
import { readProblems } from './node-problems.ts';
import { ThrottleReader } from './throttled.ts';

/** systeminformation starts shells for these, so they are asked rarely. Milliseconds. */
const TEMPERATURE_EVERY = 15_000;
const DISKS_EVERY = 30_000;

/**
 * This machine's vitals. `sample` is meant for once a second: it reads three small files and starts
 * no process, except that temperature and disks are refreshed in the background when due.
 */
export class LocalVitals {
  readonly #cpu = new CpuUsage();
  readonly #throttle = new ThrottleReader();
  #identity: Pick<Vitals, 'model' | 'os'> | undefined;
  #temperature: number | undefined;
  #throttled: Vitals['throttled'];
  #disks: Vitals['disks'] = [];
  #temperatureDue = 0;
  #disksDue = 0;

  async sample(): Promise<Vitals> {
    this.#identity ??= await readIdentity();
    this.#refresh();
    const [stat, memory, problems] = await Promise.all([
      readFile('/proc/stat', 'utf8'),
      si.mem(),
      readProblems(),
    ]);
    const usage = this.#cpu.sample(stat);
    const [one = 0, five = 0, fifteen = 0] = os.loadavg();
    return {
      service: 'vitals',
      at: Date.now(),
      hostname: os.hostname(),
      ...this.#identity,
      kernel: os.release(),
      arch: os.arch(),
      uptime: os.uptime(),
      cpu: { cores: os.availableParallelism(), ...(usage === undefined ? {} : { usage }) },
      load: [one, five, fifteen],
      memory: {
        total: memory.total,
        available: memory.available,
        swapTotal: memory.swaptotal,
        swapUsed: memory.swapused,
      },
      disks: this.#disks,
      ...(this.#temperature === undefined ? {} : { temperature: this.#temperature }),
      ...(this.#throttled === undefined ? {} : { throttled: this.#throttled }),
      ...(problems.length === 0 ? {} : { problems }),
    };
  }

  /** Starts what is due and does not wait: a hung `df` must not hold up the rest. */
  #refresh(): void {
    const now = performance.now();
    if (now >= this.#temperatureDue) {
      this.#temperatureDue = now + TEMPERATURE_EVERY;
      background(this.#readTemperature());
    }
    if (now >= this.#disksDue) {
      this.#disksDue = now + DISKS_EVERY;
      background(this.#readDisks());
    }
  }

  async #readTemperature(): Promise<void> {
    const [{ main }, throttled] = await Promise.all([si.cpuTemperature(), this.#throttle.read()]);
    this.#temperature = typeof main === 'number' && main > 0 ? main : undefined;
    this.#throttled = throttled;
  }

  async #readDisks(): Promise<void> {
    this.#disks = await readDisks();
  }
}

/** A sensor that cannot be read is a figure not refreshed; the next turn tries again. */
function background(work: Promise<void>): void {
  work.catch(() => undefined);
}
