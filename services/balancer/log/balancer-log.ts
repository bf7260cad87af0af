import type { BalancerConfig, LogTarget, ProxyConfig } from '../model.ts';
import { openDescriptor } from './descriptor-output.ts';
import { formatRecord } from './format.ts';
import { createHeader, type Header } from './header.ts';
import type { Output } from './output.ts';
import {
  type HttpRecord,
  type Level,
  type LogRecord,
  levelNumber,
  type TcpRecord,
} from './record.ts';
import { UdpOutput } from './udp-output.ts';
import { UnixOutput } from './unix-output.ts';

interface Route {
  target: LogTarget;
  header: Header;
  output: Output;
}

const INFO = levelNumber('info');
const ERR = levelNumber('err');

/** Whether a session did not go as it should (`dontlog-normal`, `log-separate-errors`). */
function isFailure(record: TcpRecord | HttpRecord): boolean {
  if (record.redispatched) return true;
  if (record.kind === 'http' && record.status >= 500) return true;
  const ending = record.termination[0];
  return ending === '-' ? record.retries > 0 : ending !== 'L';
}

type LoggedProxy = Pick<ProxyConfig, 'options' | 'logFormat' | 'logFormatSd' | 'errorLogFormat'>;

/** The log of one proxy: its targets, and the format of its sessions. */
export class ProxyLog {
  readonly #config: LoggedProxy;
  readonly #routes: readonly Route[];

  constructor(config: LoggedProxy, routes: readonly Route[]) {
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
    const message = this.#text(record);
    if (message === undefined) return;
    if (record.kind === 'connect' || record.kind === 'refused') {
      this.#send(INFO, message);
      return;
    }
    const { dontlogNormal, logSeparateErrors } = this.#config.options;
    const failed = (dontlogNormal || logSeparateErrors) && isFailure(record);
    if (dontlogNormal && !failed) return;
    const usual = failed && logSeparateErrors ? ERR : INFO;
    const level = record.level === undefined ? usual : levelNumber(record.level);
    const structured = this.#config.logFormatSd?.format(record.scope, () => record);
    this.#send(level, message, structured);
  }

  #text(record: LogRecord): string | undefined {
    const { logFormat, errorLogFormat, options } = this.#config;
    if (errorLogFormat && record.kind === 'refused') {
      return errorLogFormat.format(record.scope, () => record.scope.record('PR'));
    }
    if (!logFormat || record.kind === 'refused') return formatRecord(record, options.logFormat);
    if (record.kind === 'connect') return undefined;
    return logFormat.format(record.scope, () => record);
  }

  /** Writes something that happened to the proxy or one of its servers. */
  event(level: Level, message: string): void {
    this.#send(levelNumber(level), message);
  }

  #send(severity: number, message: string, structured = '-'): void {
    const now = Date.now();
    for (const { target, header, output } of this.#routes) {
      if (severity > target.maxLevel) continue;
      const line = header(Math.max(severity, target.minLevel), now, structured) + message;
      const { maxLength } = target;
      output.write(line.length > maxLength ? `${line.slice(0, maxLength)}\n` : `${line}\n`);
    }
  }
}

/** All log targets of a configuration, each opened once however many proxies name it. */
export class BalancerLog {
  #config: BalancerConfig;
  readonly #outputs = new Map<string, Output>();

  constructor(config: BalancerConfig) {
    this.#config = config;
  }

  /** Reads the settings of another configuration for the proxies that come; what is open stays. */
  reconfigure(config: BalancerConfig): void {
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
    const key = `${kind === 'udp' || kind === 'unix' ? kind : 'fd'} ${address}`;
    const open = this.#outputs.get(key);
    if (open) return open;
    const output = this.#create(kind, address);
    this.#outputs.set(key, output);
    return output;
  }

  #create(kind: LogTarget['kind'], address: string): Output {
    if (kind === 'udp') return new UdpOutput(address);
    if (kind === 'unix') return new UnixOutput(address, this.#config.global.process);
    return openDescriptor(Number(address));
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#outputs.values(), (output) => output.close()));
  }
}
