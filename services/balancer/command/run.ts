import { setTimeout as sleep } from 'node:timers/promises';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import { runService, type Service } from '#core/lifecycle.ts';
import { Balancer } from '../balancer.ts';
import type { Loaded } from '../config/load.ts';
import type { BalancerConfig } from '../model.ts';
import type { CommandLine } from './arguments.ts';
import type { Console } from './console.ts';
import { reportDescriptor, reportReady } from './daemon.ts';
import { stopOldProcesses } from './old-processes.ts';
import { removePidfile, writePidfile } from './pidfile.ts';
import { checkDescriptors, dropPrivileges } from './privileges.ts';
import { createProcessLog } from './process-log.ts';
import { Transcript } from './transcript.ts';

/** Whether anybody could connect. */
export const listens = ({ proxies }: BalancerConfig): boolean =>
  proxies.some((proxy) => !proxy.disabled && proxy.binds.length > 0);

/** How long predecessors may take to give up their ports, in milliseconds. */
const TAKEOVER_LIMIT = 5000;
const TAKEOVER_INTERVAL = 20;

type Handover = Pick<CommandLine, 'finish' | 'terminate' | 'verbose' | 'takeover'>;

/** Reads the files once more; undefined when they are unusable, which the console was told. */
export type Reread = (console: Console) => Promise<Loaded | undefined>;

/** One balancer as a process: the id file, the predecessors, and the report of a daemon's start. */
class BalancerProcess implements Service {
  #config: BalancerConfig;
  readonly #line: Handover;
  readonly #console: Console;
  readonly #reread: Reread;
  readonly #log: ReturnType<typeof createProcessLog>;
  readonly #supervised = process.env.BRAMBLE_HEALTH !== undefined;
  #balancer: Balancer | undefined;
  #finishing = false;
  /** The predecessors know that they are to go. */
  #told = false;

  constructor(config: BalancerConfig, line: Handover, console: Console, reread: Reread) {
    this.#reread = reread;
    this.#config = config;
    this.#line = line;
    this.#console = console;
    this.#log = createProcessLog(console, line.verbose);
  }

  async run(): Promise<void> {
    process.on('SIGUSR2', () => {
      // It has been said what is wrong, and the old configuration is in force.
      this.reload().catch(() => undefined);
    });
    process.on('SIGTTOU', () => void this.#balancer?.pauseAll());
    process.on('SIGTTIN', () => {
      this.#balancer?.resumeAll().catch((error: unknown) => {
        this.#console.say('ALERT', describeError(error));
      });
    });
    await runService(this, {
      name: 'balancer',
      log: this.#log,
      softStop: () => this.softStop(),
      reload: () => this.reload(),
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    checkDescriptors(this.#config);
    const { pidfile } = this.#config.global;
    const report = reportDescriptor();
    if (report !== undefined && pidfile !== undefined) writePidfile(pidfile);
    try {
      this.#balancer = await this.#listen(signal);
    } catch (error) {
      if (report !== undefined && pidfile !== undefined) removePidfile(pidfile);
      throw error;
    }
    dropPrivileges(this.#config);
    this.#stopPredecessors();
    this.#console.started();
    if (report === undefined) return;
    reportReady(report);
    this.#console.silence();
  }

  /**
   * Reads the files again and puts what changed in force (SIGUSR2, SIGHUP, `reload` on the runtime
   * socket). Rejects, having told why, where the files or an address are not usable: then the old
   * configuration goes on.
   */
  async reload(): Promise<void> {
    const balancer = this.#balancer;
    if (!balancer) return;
    const transcript = new Transcript(this.#console, '');
    const failed = (cause: unknown): BrambleError => {
      if (cause !== undefined) transcript.say('ALERT', describeError(cause));
      transcript.say('WARNING', 'Reload failed: the old configuration stays in force.');
      balancer.startupLogs = transcript.text;
      return new BrambleError(ERROR_CODES.CONFIG_INVALID, 'the configuration is not usable');
    };
    const loaded = await this.#reread(transcript.console);
    if (!loaded) throw failed(undefined);
    if (!listens(loaded.config)) {
      throw failed("No enabled listener found (check for 'bind' directives) !");
    }
    try {
      await balancer.reload(loaded.config);
    } catch (error) {
      throw failed(error);
    }
    this.#config = loaded.config;
    transcript.say('NOTICE', 'Reloaded: the new configuration is in force.');
    balancer.startupLogs = transcript.text;
  }

  /** Listens at once, or as soon as the predecessors have let go of the ports. */
  async #listen(signal: AbortSignal): Promise<Balancer> {
    const { finish, terminate } = this.#line;
    const alone = finish.length + terminate.length === 0;
    const deadline = performance.now() + TAKEOVER_LIMIT;
    for (;;) {
      const balancer = this.#create();
      try {
        await balancer.start();
        return balancer;
      } catch (error) {
        const inUse = error instanceof BrambleError && error.code === ERROR_CODES.PORT_IN_USE;
        if (!inUse || alone || performance.now() > deadline) throw error;
      }
      this.#stopPredecessors();
      await sleep(TAKEOVER_INTERVAL, undefined, { signal });
    }
  }

  #stopPredecessors(): void {
    if (this.#told) return;
    this.#told = true;
    stopOldProcesses(this.#line, this.#console);
  }

  #create(): Balancer {
    return new Balancer(this.#config, {
      log: this.#log,
      notice: this.#console.say,
      reload: () => this.reload(),
      takeover: this.#line.takeover || this.#line.finish.length + this.#line.terminate.length > 0,
      // Alone, SIGTERM ends it at once, as it does HAProxy; a supervisor's Ctrl-C may drain.
      ...(this.#supervised ? {} : { drainLimit: 0 }),
    });
  }

  async softStop(): Promise<void> {
    this.#finishing = true;
    const balancer = this.#balancer;
    const { hardStopAfter } = this.#config.global.process ?? {};
    // Until then connections may take as long as they like.
    if (hardStopAfter !== undefined) setTimeout(() => balancer?.destroy(), hardStopAfter).unref();
    await balancer?.softStop();
    this.#removePidfile();
  }

  async close(): Promise<void> {
    // A soft stop that is under way waits for the last connection: that is now.
    if (this.#finishing) this.#balancer?.destroy();
    await this.#balancer?.close();
    this.#removePidfile();
  }

  destroy(): void {
    this.#balancer?.destroy();
    this.#removePidfile();
  }

  #removePidfile(): void {
    const { pidfile } = this.#config.global;
    if (pidfile !== undefined) removePidfile(pidfile);
  }
}

/** Runs a configuration until a signal ends it. */
export async function runBalancer(
  config: BalancerConfig,
  line: Handover,
  console: Console,
  reread: Reread,
): Promise<void> {
  await new BalancerProcess(config, line, console, reread).run();
}
