import { parentPort, workerData } from 'node:worker_threads';
import { BrambleError, describeError } from '#core/errors.ts';
import { Balancer } from '../balancer.ts';
import { loadLine } from '../cli.ts';
import { Console } from '../command/console.ts';
import { createProcessLog } from '../command/process-log.ts';
import type { Call } from '../runtime/command.ts';
import { COMMANDS } from '../runtime/commands.ts';
import type { PassedCommand } from '../runtime/everywhere.ts';
import { findCommand } from '../runtime/find.ts';
import { NOTHING, type Reply } from '../runtime/reply.ts';
import type { ServerSnapshot } from '../servers/snapshot.ts';
import type { Order, Report, Task, WorkerData } from './messages.ts';
import { SharedState } from './shared-state.ts';

const tell = (report: Report): void => parentPort?.postMessage(report);

/** A worker beside the first: serves clients, and does otherwise what that one says. */
class FollowingWorker {
  readonly #data: WorkerData;
  readonly #sharing: SharedState;
  #balancer!: Balancer;

  constructor(data: WorkerData) {
    this.#data = data;
    this.#sharing = new SharedState({
      ...data,
      suspect: (server, info) =>
        tell({
          kind: 'suspect',
          server: { backend: server.backend.config.name, server: server.config.name },
          info,
        }),
    });
  }

  async start(): Promise<void> {
    const { line, history, snapshots } = this.#data;
    const { config } = await loadLine(line);
    this.#balancer = new Balancer(config, {
      log: createProcessLog(new Console(line.quiet ? undefined : STDERR, ''), line.verbose),
      sharing: this.#sharing,
      // What forms of the statistics page order is carried out by who decides.
      onForm: (form) => tell({ kind: 'form', form }),
    });
    for (const command of history) await this.#run(command);
    this.#assume(snapshots);
    await this.#balancer.start();
    // They may have changed while it loaded.
    this.#assume(snapshots);
  }

  receive(order: Order): void {
    if (order.kind === 'snapshots') this.#assume(order.snapshots);
    else if (order.kind === 'destroy') this.#balancer.destroy();
    else {
      const { id, task } = order;
      const done = (reply: Reply): void => tell({ kind: 'done', id, reply });
      this.#do(task).then(done, (error: unknown) =>
        done({ text: describeError(error), severity: 3 }),
      );
    }
  }

  async #do(task: Task): Promise<Reply> {
    const balancer = this.#balancer;
    switch (task.kind) {
      case 'command':
        this.#sharing.add(task.memory);
        return this.#run(task.command);
      case 'reload': {
        this.#sharing.add(task.memory);
        const { config } = await loadLine(this.#data.line);
        await balancer.reload(config);
        this.#sharing.retain(task.memory);
        this.#assume(task.snapshots);
        return NOTHING;
      }
      case 'pause':
        await balancer.pauseAll();
        return NOTHING;
      case 'resume':
        await balancer.resumeAll();
        return NOTHING;
      case 'close':
        await balancer.drain(task.limit ?? Number.POSITIVE_INFINITY);
        return NOTHING;
    }
  }

  async #run({ words, payload, level }: PassedCommand): Promise<Reply> {
    const command = findCommand(COMMANDS, words);
    if (!command) return NOTHING;
    const rest = words.slice(command.name.split(' ').length);
    const call: Call = {
      host: this.#balancer,
      session: { level, timeout: 0, interactive: false, severityOutput: 'none' },
      words: rest,
      word: (index) => rest[index] ?? '',
      payload,
    };
    return command.run(call);
  }

  #assume(snapshots: readonly ServerSnapshot[]): void {
    for (const one of snapshots) {
      this.#balancer.serverNamed(one.backend, one.server)?.assume(one);
    }
  }
}

const STDERR = 2;

/** Serves as the worker that `workerData` describes, until its thread is ended. */
export async function serveAsWorker(): Promise<void> {
  const worker = new FollowingWorker(workerData as WorkerData);
  const early: Order[] = [];
  let receive = (order: Order): void => void early.push(order);
  parentPort?.on('message', (order: Order) => receive(order));
  try {
    await worker.start();
  } catch (error) {
    const code = error instanceof BrambleError ? error.code : undefined;
    tell({ kind: 'failed', code, message: describeError(error) });
    // Ends this thread alone.
    setImmediate(() => process.exit());
    return;
  }
  receive = (order) => worker.receive(order);
  for (const order of early) receive(order);
  tell({ kind: 'ready' });
}
