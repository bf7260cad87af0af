import { randomUUID } from 'node:crypto';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { Balancer } from '../balancer.ts';
import type { CommandLine } from '../command/arguments.ts';
import type { PassedCommand, Crew as RuntimeCrew } from '../runtime/everywhere.ts';
import type { Reply } from '../runtime/reply.ts';
import type { Server } from '../servers/server.ts';
import { snapshotOf } from '../servers/snapshot.ts';
import { obey } from '../stats/admin.ts';
import { ticketSecret } from '../tls/ticket-keys.ts';
import { CrewMember } from './crew-member.ts';
import type { Report, SharedMemory, Task, WorkerData } from './messages.ts';
import { SharedState } from './shared-state.ts';

export interface CrewOptions {
  readonly program: URL;
  readonly line: CommandLine;
  /** With the first one, which starts them. */
  readonly workers: number;
  readonly log: Logger;
}

/** Commands that a new worker is told of; those before are lost on it. */
const MOST_HISTORY = 10_000;
/** Between two starts of a worker that ends, milliseconds: it doubles up to the last. */
const WAIT_FIRST = 100;
const WAIT_LAST = 10_000;
const LASTED = 30_000;
const NO_MEMORY: SharedMemory = { scopes: new Map(), tables: new Map() };

/**
 * The workers of `nbthread` beside the first, which is the process itself: threads that listen on
 * the same ports (SO_REUSEPORT, socket(7)), so that the kernel spreads connections over them. One
 * that dies takes its own connections along, and another takes its place.
 */
export class Crew implements RuntimeCrew {
  readonly workers: number;
  readonly sharing: SharedState;
  readonly #options: CrewOptions;
  readonly #members: CrewMember[];
  readonly #channel = `bramble-balancer ${randomUUID()}`;
  readonly #changed = new Set<Server>();
  readonly #startedAt: number[] = [];
  readonly #waits: number[] = [];
  #history: PassedCommand[] = [];
  #balancer: Balancer | undefined;
  #closing = false;

  constructor(options: CrewOptions) {
    this.#options = options;
    // Before any of them starts, since it is handed over then.
    ticketSecret();
    this.workers = options.workers;
    this.sharing = new SharedState({
      worker: 0,
      workers: options.workers,
      channel: this.#channel,
      changed: (server) => this.#serverChanged(server),
    });
    this.#members = Array.from({ length: options.workers - 1 }, (_, index) => {
      const worker = index + 1;
      return new CrewMember({
        program: options.program,
        onReport: (report) => this.#reported(report),
        onEnd: (error) => this.#ended(worker, error),
      });
    });
  }

  /** Resolves when all serve; rejects with what keeps one from that, when all have ended. */
  async start(balancer: Balancer): Promise<void> {
    this.#balancer = balancer;
    const results = await Promise.allSettled(
      this.#members.map((_, index) => this.#start(index + 1)),
    );
    const failed = results.find((result) => result.status === 'rejected');
    if (!failed) return;
    await this.destroy();
    throw failed.reason;
  }

  /** Workers that serve now, the first included. */
  get serving(): number {
    return 1 + this.#members.filter((member) => member.serving).length;
  }

  /** Everybody else reads the files again; one that cannot is replaced by a new one. */
  async reload(): Promise<void> {
    this.#history = [];
    if (!this.#balancer) return;
    const memory = this.sharing.memoryOf(this.#balancer.config);
    this.sharing.retain(memory);
    const snapshots = this.#snapshots();
    await Promise.all(
      this.#members.map(async (member) => {
        const { text } = await member.do({ kind: 'reload', memory, snapshots });
        if (text === '') return;
        this.#options.log.error(`a worker is replaced, which could not reload: ${text}`);
        await member.kill();
      }),
    );
  }

  async run(command: PassedCommand, remember: boolean): Promise<Reply[]> {
    if (remember) {
      this.#history.push(command);
      if (this.#history.length > MOST_HISTORY) this.#history.shift();
    }
    // A command that changes what there is may have made some.
    const memory = remember ? this.sharing.memory : NO_MEMORY;
    return this.#all({ kind: 'command', command, memory });
  }

  refresh(): void {
    for (const { servers } of this.#balancer?.backends ?? []) {
      for (const server of servers) this.#serverChanged(server);
    }
  }

  async pause(): Promise<void> {
    await this.#all({ kind: 'pause' });
  }

  async resume(): Promise<void> {
    await this.#all({ kind: 'resume' });
  }

  /** Lets their connections finish for so many milliseconds, undefined = however long it takes. */
  async close(limit: number | undefined): Promise<void> {
    this.#closing = true;
    for (const member of this.#members) member.release();
    await this.#all({ kind: 'close', limit });
    await this.destroy();
  }

  async destroy(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#members.map((member) => member.terminate()));
    this.sharing.close();
  }

  /** Ends one at once, as a fault of its own would. `worker` counts from 1, behind the first. */
  async kill(worker: number): Promise<void> {
    await this.#members[worker - 1]?.kill();
  }

  async #start(worker: number): Promise<void> {
    const { line, workers } = this.#options;
    const data: WorkerData = {
      line,
      worker,
      workers,
      channel: this.#channel,
      memory: this.sharing.memory,
      snapshots: this.#snapshots(),
      history: this.#history,
    };
    this.#startedAt[worker] = performance.now();
    await this.#members[worker - 1]!.start(data);
  }

  #all(task: Task): Promise<Reply[]> {
    return Promise.all(this.#members.map((member) => member.do(task)));
  }

  #snapshots() {
    return (this.#balancer?.backends ?? []).flatMap(({ servers }) => servers.map(snapshotOf));
  }

  /** Tells of all changes of a turn of the event loop at once. */
  #serverChanged(server: Server): void {
    if (this.#changed.size === 0) queueMicrotask(() => this.#tellChanges());
    this.#changed.add(server);
  }

  #tellChanges(): void {
    const snapshots = [...this.#changed].map((server) => snapshotOf(server.current));
    this.#changed.clear();
    for (const member of this.#members) member.tell({ kind: 'snapshots', snapshots });
  }

  #reported(report: Report): void {
    const balancer = this.#balancer;
    if (!balancer) return;
    if (report.kind === 'suspect') {
      const { backend, server } = report.server;
      balancer.serverNamed(backend, server)?.suspectedElsewhere(report.info);
    } else if (report.kind === 'form') {
      obey(report.form, balancer);
      this.refresh();
    }
  }

  #ended(worker: number, error: Error | undefined): void {
    if (this.#closing) return;
    const why = error === undefined ? '' : `: ${describeError(error)}`;
    this.#options.log.error(`worker ${worker + 1} ended${why}; its connections are lost`);
    this.sharing.forget(worker);
    this.#balancer?.workerLost(worker);
    const lasted = performance.now() - this.#startedAt[worker]! > LASTED;
    const wait = lasted ? WAIT_FIRST : (this.#waits[worker] ?? WAIT_FIRST);
    this.#waits[worker] = Math.min(2 * wait, WAIT_LAST);
    setTimeout(() => this.#replace(worker), wait).unref();
  }

  #replace(worker: number): void {
    if (this.#closing) return;
    this.#start(worker).then(
      () => this.#options.log.warn(`worker ${worker + 1} serves again`),
      (error: unknown) => {
        if (!this.#closing) this.#ended(worker, error instanceof Error ? error : undefined);
      },
    );
  }
}
