import { Worker } from 'node:worker_threads';
import { BrambleError, ERROR_CODES, type ErrorCode } from '#core/errors.ts';
import type { Reply } from '../runtime/reply.ts';
import type { Order, Report, Task, WorkerData } from './messages.ts';

export interface CrewMemberOptions {
  /** The program, which finds in its data that it is a worker. */
  readonly program: URL;
  readonly onReport: (report: Report) => void;
  /** It has ended without being asked. */
  readonly onEnd: (error: Error | undefined) => void;
}

const GONE: Reply = { text: '' };

/** One worker beside the first: a thread with an event loop, sockets and a heap of its own. */
export class CrewMember {
  readonly #options: CrewMemberOptions;
  readonly #tasks = new Map<number, (reply: Reply) => void>();
  #thread: Worker | undefined;
  #next = 1;
  #ready = false;
  #stopping = false;

  constructor(options: CrewMemberOptions) {
    this.#options = options;
  }

  get serving(): boolean {
    return this.#thread !== undefined && this.#ready;
  }

  /** Resolves when it serves; rejects with what keeps it from that. */
  start(data: WorkerData): Promise<void> {
    const { program, onReport, onEnd } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const thread = new Worker(program, { workerData: data });
    this.#thread = thread;
    this.#ready = false;
    let failure: Error | undefined;
    thread.on('message', (report: Report) => {
      if (report.kind === 'ready') {
        this.#ready = true;
        resolve();
      } else if (report.kind === 'failed') {
        failure = failureOf(report);
      } else if (report.kind === 'done') {
        this.#tasks.get(report.id)?.(report.reply);
        this.#tasks.delete(report.id);
      } else onReport(report);
    });
    thread.on('error', (error: Error) => {
      failure = error;
    });
    thread.once('exit', () => {
      this.#thread = undefined;
      for (const done of this.#tasks.values()) done(GONE);
      this.#tasks.clear();
      reject(failure ?? new BrambleError(ERROR_CODES.CLOSED, 'a worker ended before it served'));
      if (this.#ready && !this.#stopping) onEnd(failure);
    });
    return promise;
  }

  /** Resolves with its answer; with an empty one when it is gone. */
  do(task: Task): Promise<Reply> {
    if (!this.#thread) return Promise.resolve(GONE);
    const id = this.#next++;
    const { promise, resolve } = Promise.withResolvers<Reply>();
    this.#tasks.set(id, resolve);
    this.#send({ kind: 'task', id, task });
    return promise;
  }

  tell(order: Extract<Order, { kind: 'snapshots' }>): void {
    this.#send(order);
  }

  /** It may end from now on. */
  release(): void {
    this.#stopping = true;
  }

  async terminate(): Promise<void> {
    this.#stopping = true;
    await this.#thread?.terminate();
  }

  /** Ends it as a fault of its own would. */
  async kill(): Promise<void> {
    await this.#thread?.terminate();
  }

  #send(order: Order): void {
    this.#thread?.postMessage(order);
  }
}

function failureOf({ code, message }: Extract<Report, { kind: 'failed' }>): BrambleError {
  const known = Object.values(ERROR_CODES).find((one) => one === code) as ErrorCode | undefined;
  return new BrambleError(known ?? ERROR_CODES.CLOSED, message);
}
