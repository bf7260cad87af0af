import type { BalancerConfig, LogTarget, ProxyConfig } from '../model.ts';
import { openDescriptor } from './descriptor-output.ts';
import { formatRecord } from './format.ts';
import { createHeader, type Header } from './header.ts';
import type { Output } from './output.ts';
import { type Level, type LogRecord, levelNumber } from './record.ts';
import { UdpOutput } from './udp-output.ts';

interface Route {
  target: LogTarget;
  header: Header;
  output: Output;
}

const INFO = levelNumber('info');

/** The log of one proxy: its targets, and the format of its sessions. */
export class ProxyLog {
  readonly #config: Pick<ProxyConfig, 'options'>;
  readonly #routes: readonly Route[];

  constructor(config: Pick<ProxyConfig, 'options'>, routes: readonly Route[]) {
    this.#config = config;
    this.#routes = routes;
  }

  /** False where nobody listens: callers then need not gather a record. */
  get active(): boolean {
    return this.#routes.length > 0;
  }

  /** Writes a session in the proxy's format, if that has a line for it. */
  session(record: LogRecord): void {
    if (this.#routes.length === 0) return;
    const message = formatRecord(record, this.#config.options.logFormat);
    if (message !== undefined) this.#send(INFO, message);
  }

  /** Writes something that happened to the proxy or one of its servers. */
  event(level: Level, message: string): void {
    this.#send(levelNumber(level), message);
  }

  #send(severity: number, message: string): void {
    const now = Date.now();
    for (const { target, header, output } of this.#routes) {
      if (severity > target.maxLevel) continue;
      const line = header(Math.max(severity, target.minLevel), now) + message;
      const { maxLength } = target;
      output.write(line.length > maxLength ? `${line.slice(0, maxLength)}\n` : `${line}\n`);
    }
  }
}

/** All log targets of a configuration, each opened once however many proxies name it. */
export class BalancerLog {
  readonly #config: BalancerConfig;
  readonly #outputs = new Map<string, Output>();

  constructor(config: BalancerConfig) {
    this.#config = config;
  }

  /** Lines that were given up because a target did not take them. */
  get dropped(): number {
    let sum = 0;
    for (const output of this.#outputs.values()) sum += output.dropped;
    return sum;
  }

  /** Opens the proxy's targets. Throws what the system says of a descriptor that is not open. */
  forProxy(config: ProxyConfig): ProxyLog {
    const { logSendHostname } = this.#config.global;
    const options = { tag: config.logTag, hostname: logSendHostname, pid: process.pid };
    const routes = config.log.map((target) => ({
      target,
      header: createHeader(target, options),
      output: this.#open(target),
    }));
    return new ProxyLog(config, routes);
  }

  #open({ kind, address }: LogTarget): Output {
    const key = `${kind === 'udp' ? 'udp' : 'fd'} ${address}`;
    const open = this.#outputs.get(key);
    if (open) return open;
    const output = kind === 'udp' ? new UdpOutput(address) : openDescriptor(Number(address));
    this.#outputs.set(key, output);
    return output;
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#outputs.values(), (output) => output.close()));
  }
}
