import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { endianness } from 'node:os';
import type { Service } from '#core/lifecycle.ts';

/** What ping(8) allows anybody, seconds. */
const INTERVAL = '0.2';
/** Without an answer for so long the gateway does not answer, milliseconds. */
const SILENT = 700;
/** Before a ping that ended is started again, milliseconds. */
const AGAIN = 2_000;

/** Whether the gateway answers: one ping(8) that runs all the time. */
export class Gateway implements Service {
  readonly #address: string;
  readonly #since = performance.now();
  #child: ChildProcess | undefined;
  #again: NodeJS.Timeout | undefined;
  #answeredAt = -Infinity;
  #closed = false;

  constructor(address: string) {
    this.#address = address;
  }

  /** Undefined until there was time for an answer. */
  answers(now: number): boolean | undefined {
    if (now - this.#answeredAt < SILENT) return true;
    return now - this.#since < SILENT ? undefined : false;
  }

  async start(): Promise<void> {
    const family = isIPv6(this.#address) ? '-6' : '-4';
    const child = spawn('ping', [family, '-n', '-i', INTERVAL, this.#address], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, LC_ALL: 'C' },
    });
    this.#child = child;
    child.stdout.on('data', (text: Buffer) => {
      if (text.includes(' bytes from ')) this.#answeredAt = performance.now();
    });
    child.once('error', () => this.#restart());
    child.once('exit', () => this.#restart());
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#again);
    this.#child?.kill('SIGKILL');
  }

  #restart(): void {
    if (this.#closed) return;
    clearTimeout(this.#again);
    this.#again = setTimeout(() => void this.start(), AGAIN);
  }
}

/** The router of the default route over IPv4, from the text of /proc/net/route. */
export function defaultRouter(routes: string): string | undefined {
  for (const line of routes.split('\n')) {
    const [, destination, gateway = ''] = line.split(/\s+/);
    if (destination !== '00000000' || !/^[0-9A-F]{8}$/.test(gateway)) continue;
    // The kernel prints the number as it lies in memory (fib_route_seq_show).
    const bytes = [...Buffer.from(gateway, 'hex')];
    if (gateway !== '00000000') return (endianness() === 'LE' ? bytes.reverse() : bytes).join('.');
  }
  return undefined;
}

/** As `defaultRouter`, of this machine. */
export function routerOfThisMachine(): string | undefined {
  try {
    return defaultRouter(readFileSync('/proc/net/route', 'latin1'));
  } catch {
    return undefined;
  }
}
