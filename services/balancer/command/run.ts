import { realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import { runService, type Service } from '#core/lifecycle.ts';
import { Balancer, DEFAULT_DRAIN_LIMIT } from '../balancer.ts';
import type { Loaded } from '../config/load.ts';
import type { BalancerConfig } from '../model.ts';
import { Crew } from '../workers/crew.ts';
import type { CommandLine } from './arguments.ts';
import type { Console } from './console.ts';
import { reportDescriptor, reportReady } from './daemon.ts';
import { listens } from './listens.ts';
import { stopOldProcesses } from './old-processes.ts';
import { removePidfile, writePidfile } from './pidfile.ts';
import { checkDescriptors, dropPrivileges } from './privileges.ts';
import { createProcessLog } from './process-log.ts';
import { Transcript } from './transcript.ts';

/** How long predecessors may take to give up their ports, in milliseconds. */
const TAKEOVER_LIMIT = 5000;
const TAKEOVER_INTERVAL = 20;

/** Reads the files once more; undefined when they are unusable, which the console was told. */
export type Reread = (console: Console) => Promise<Loaded | undefined>;

/** One balancer as a process: the id file, the predecessors, and the report of a daemon's start. */
class BalancerProcess implements Service {
  #config: BalancerConfig;
  readonly #line: CommandLine;
  readonly #console: Console;
  readonly #reread: Reread;
  readonly #log: ReturnType<typeof createProcessLog>;
  readonly #supervised = process.env.BRAMBLE_HEALTH !== undefined;
  #balancer: Balancer | undefined;
  /** The workers beside this one (`nbthread`). */
  #crew: Crew | undefined;
  #finishing = false;
  /** The predecessors know that they are to go. */
  #told = false;

  constructor(config: BalancerConfig, line: CommandLine, console: Console, reread: Reread) {
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
    if (this.#line.master) {
      // What a master ends with, and service managers know.
      process.on('SIGTERM', () => {
        process.exitCode = 128 + constants.signals.SIGTERM;
      });
      process.on('SIGINT', () => {
        process.exitCode = 128 + constants.signals.SIGINT;
      });
    }
    process.on('SIGTTOU', () => {
      void this.#balancer?.pauseAll();
      void this.#crew?.pause();
    });
    process.on('SIGTTIN', () => {
      this.#balancer?.resumeAll().catch((error: unknown) => {
        this.#console.say('ALERT', describeError(error));
      });
      void this.#crew?.resume();
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
    // A foreground process has one where it stands for a master, too (HAProxy).
    const writes = report !== undefined || this.#line.master;
    if (writes && pidfile !== undefined) writePidfile(pidfile);
    try {
      this.#balancer = await this.#listen(signal);
    } catch (error) {
      if (writes && pidfile !== undefined) removePidfile(pidfile);
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
      balancer.failedReloads += 1;
      return new BrambleError(ERROR_CODES.CONFIG_INVALID, 'the configuration is not usable');
    };
    const loaded = await this.#reread(transcript.console);
    if (!loaded) throw failed(undefined);
    if (!listens(loaded.config)) {
      throw failed("No enabled listener found (check for 'bind' directives) !");
    }
    try {
      await balancer.reload(loaded.config);
      await this.#crew?.reload();
    } catch (error) {
      throw failed(error);
    }
    this.#config = loaded.config;
    const { threads = 1 } = loaded.config.global;
    if (threads !== (this.#crew?.workers ?? 1)) {
      transcript.say(
        'WARNING',
        `nbthread ${threads} takes effect when the process is started anew.`,
      );
    }
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
    const { threads = 1 } = this.#config.global;
    void this.#crew?.destroy();
    this.#crew =
      threads === 1
        ? undefined
        : new Crew({
            program: pathToFileURL(realpathSync(process.argv[1] ?? '')),
            line: this.#line,
            workers: threads,
            log: this.#log,
          });
    return new Balancer(this.#config, {
      log: this.#log,
      notice: this.#console.say,
      reload: () => this.reload(),
      sharing: this.#crew?.sharing,
      beforeServing: async (balancer) => {
        await this.#crew?.start(balancer);
        balancer.crew = this.#crew;
      },
      takeover: this.#line.takeover || this.#line.finish.length + this.#line.terminate.length > 0,
      // Alone, SIGTERM ends it at once, as it does HAProxy; a supervisor's Ctrl-C may drain.
      ...(this.#supervised ? {} : { drainLimit: this.#drainLimit }),
    });
  }

  get #drainLimit(): number {
    return this.#supervised ? DEFAULT_DRAIN_LIMIT : 0;
  }

  async softStop(): Promise<void> {
    this.#finishing = true;
    const balancer = this.#balancer;
    const { hardStopAfter } = this.#config.global.process ?? {};
    // Until then connections may take as long as they like.
    if (hardStopAfter !== undefined) {
      setTimeout(() => {
        balancer?.destroy();
        void this.#crew?.destroy();
      }, hardStopAfter).unref();
    }
    await Promise.all([balancer?.softStop(), this.#crew?.close(undefined)]);
    this.#removePidfile();
  }

  async close(): Promise<void> {
    // A soft stop that is under way waits for the last connection: that is now.
    if (this.#finishing) this.#balancer?.destroy();
    if (this.#finishing) await this.#crew?.destroy();
    await Promise.all([this.#balancer?.close(), this.#crew?.close(this.#drainLimit)]);
    this.#removePidfile();
  }

  destroy(): void {
    this.#balancer?.destroy();
    void this.#crew?.destroy();
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
  line: CommandLine,
  console: Console,
  reread: Reread,
): Promise<void> {
  await new BalancerProcess(config, line, console, reread).run();
}
