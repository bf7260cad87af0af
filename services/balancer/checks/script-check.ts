import type { ServerConfig } from '../model.ts';
import type { CheckReport } from '../servers/types.ts';
import { CheckConnection } from './check-connection.ts';
import { type Ending, type Evidence, judgeExpectation, type Verdict } from './expect.ts';
import { judgeResponse } from './http-expect.ts';
import { CheckResponse } from './http-response.ts';
import { emptyMessage, MAX_INFO, successMessage, whereabouts } from './messages.ts';
import { faultOf, type RunningCheck } from './running-check.ts';
import type {
  CheckMethod,
  CheckScope,
  CheckStep,
  ConnectStep,
  ExpectStep,
  SendStep,
} from './steps.ts';

/** Most of an answer that is looked at, bytes (`tune.bufsize`). */
const MAX_INPUT = 16_384;
const EMPTY: Buffer = Buffer.alloc(0);
const NOT_FOUND = 404;

export type Script = Extract<CheckMethod, { kind: 'script' }>;

export interface ScriptOptions {
  /** Milliseconds for each connection, and for each answer from then on. */
  limits: { connect: number; answer: number };
  /** A 404 takes the server out of balancing instead of down. */
  drains: boolean;
  backend: string;
  /** What `http-check send-state` tells the server. */
  state?: () => string;
}

/** A description ends at a zero byte, as C has it. */
const plain = (info: string): string => info.split('\0', 1)[0]!.slice(0, MAX_INFO);

/** Steps whose results come with a number in HAProxy's statistics. */
const CODED: readonly CheckReport['status'][] = ['L7OK', 'L7OKC', 'L7STS'];

/**
 * Runs the steps of one check, one after another, until one of them fails or all are done. What
 * arrives while no expectation waits for it is kept for the next one.
 */
export class ScriptCheck implements RunningCheck {
  readonly #server: ServerConfig;
  readonly #script: Script;
  readonly #options: ScriptOptions;
  readonly #done: (report: CheckReport) => void;
  readonly #scope: CheckScope & { input: Buffer; response: CheckScope['response'] };
  readonly #started = performance.now();
  #connection: CheckConnection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #open = true;
  #at = 0;
  /** The last step begun, as HAProxy's messages have it. */
  #current: CheckStep;
  /** Arrived, and not yet taken by an expectation. */
  #unread: Buffer = EMPTY;
  #ended = false;
  #broken: Error | undefined;
  /** An expectation is only judged when something has come since the last step of another kind. */
  #mustRead = true;
  #http: CheckResponse | undefined;
  #code: number | undefined;

  constructor(
    server: ServerConfig,
    script: Script,
    options: ScriptOptions,
    done: (report: CheckReport) => void,
  ) {
    this.#server = server;
    this.#script = script;
    this.#options = options;
    this.#done = done;
    this.#current = script.steps[0]!;
    const { name, host, port } = server;
    const { backend, state } = options;
    this.#scope = {
      subject: { backend, server: name, address: host, port, state },
      input: EMPTY,
      response: undefined,
      variables: new Map(),
    };
  }

  start(): this {
    this.#run();
    return this;
  }

  cancel(): void {
    this.#open = false;
    clearTimeout(this.#timer);
    this.#connection?.close();
  }

  #run(): void {
    const { steps } = this.#script;
    while (this.#open) {
      const step = steps[this.#at];
      if (!step) {
        this.#succeed();
        return;
      }
      if (step.kind !== 'set') this.#current = step;
      if (step.kind === 'connect') {
        this.#connect(step);
        return;
      }
      if (step.kind === 'set') {
        const { variables } = this.#scope;
        if (step.value) variables.set(step.name, step.value(this.#scope));
        else variables.delete(step.name);
      } else if (step.kind === 'send') {
        if (!this.#send(step)) return;
      } else if (!this.#expect(step)) return;
      this.#at += 1;
    }
  }

  #connect(step: ConnectStep): void {
    this.#connection?.close();
    this.#scope.input = EMPTY;
    this.#unread = EMPTY;
    this.#ended = false;
    this.#broken = undefined;
    this.#mustRead = true;
    this.#limit(this.#options.limits.connect);
    const connection = new CheckConnection(this.#server, step, {
      secured: () => {},
      ready: () => {
        this.#limit(this.#options.limits.answer);
        this.#at += 1;
        this.#run();
      },
      data: (chunk) => this.#arrived(chunk),
      end: () => {
        this.#ended = true;
        this.#wake();
      },
      failed: (error) => this.#failed(error, connection.layer),
    });
    this.#connection = connection;
  }

  #send({ data, method }: SendStep): boolean {
    this.#scope.input = EMPTY;
    this.#scope.response = undefined;
    this.#mustRead = true;
    this.#http = method === undefined ? undefined : new CheckResponse(method);
    const bytes = typeof data === 'function' ? Buffer.from(data(this.#scope), 'latin1') : data;
    if (this.#broken) {
      this.#connectionLost(this.#broken);
      return false;
    }
    if (bytes.length > 0) this.#connection?.write(bytes);
    return true;
  }

  /** True when it holds; otherwise the script waits or has ended. */
  #expect(step: ExpectStep): boolean {
    if (this.#mustRead) {
      const fresh = this.#unread.length > 0;
      if (!this.#take()) return false;
      const empty = this.#scope.input.length === 0;
      if (empty && this.#broken) {
        this.#connectionLost(this.#broken);
        return false;
      }
      if (!fresh && !this.#ended && !this.#broken) return false;
      if (empty && this.#ended && !this.#http) {
        this.#finish({ status: step.fault ?? 'L7RSP', info: emptyMessage(step) });
        return false;
      }
      this.#mustRead = false;
    }
    const verdict = this.#judge(step);
    if (verdict === 'next') return true;
    if (verdict !== 'wait') this.#conclude(verdict);
    else {
      this.#mustRead = true;
      this.#at = this.#headOf(this.#at);
    }
    return false;
  }

  #judge(step: ExpectStep): Verdict {
    const { scope, protocol } = { scope: this.#scope, protocol: this.#script.protocol };
    const full = scope.input.length >= MAX_INPUT;
    const ended = this.#ended || this.#broken !== undefined || full;
    const evidence: Evidence = { scope, ended, protocol };
    if (protocol !== 'http') return judgeExpectation(step, evidence);
    this.#code = scope.response?.status;
    if (this.#options.drains && this.#code === NOT_FOUND) return 'next';
    return judgeResponse(step, evidence);
  }

  /** Where to go on when more has come: the first negated expectation of the group. */
  #headOf(at: number): number {
    const { steps } = this.#script;
    let head = at;
    for (let index = at - 1; index >= 0; index--) {
      const step = steps[index]!;
      if (step.kind === 'set') continue;
      if (step.kind !== 'expect') break;
      if (step.negated) head = index;
    }
    return head;
  }

  #arrived(chunk: Buffer): void {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    if (this.#unread.length >= MAX_INPUT) this.#connection?.pause();
    this.#wake();
  }

  #wake(): void {
    const step = this.#script.steps[this.#at];
    if (this.#open && step?.kind === 'expect') this.#run();
  }

  /** Moves what has arrived to where expectations look; false when it is no HTTP. */
  #take(): boolean {
    const chunk = this.#unread;
    if (chunk.length > 0) {
      this.#unread = EMPTY;
      const { input } = this.#scope;
      const room = MAX_INPUT - input.length;
      this.#scope.input = Buffer.concat([input, chunk.subarray(0, Math.max(0, room))]);
      if (this.#http && !this.#http.push(chunk)) {
        this.#finish({ status: 'L7RSP' });
        return false;
      }
      if (this.#scope.input.length < MAX_INPUT) this.#connection?.resume();
    }
    if (this.#http) {
      if (this.#ended && !this.#http.end()) {
        this.#finish({ status: 'L7RSP' });
        return false;
      }
      this.#scope.response = this.#http.seen();
    }
    return true;
  }

  #succeed(): void {
    const step = this.#current;
    const { protocol } = this.#script;
    if (step.kind === 'connect') {
      const status = this.#connection?.secure ? 'L6OK' : 'L4OK';
      this.#finish(step.implicit ? { status } : { status, info: '(tcp-check)' });
    } else if (step.kind !== 'expect') {
      const info = protocol === 'tcp' ? '(tcp-check)' : '';
      this.#finish({ status: 'L7OK', code: 0, info });
    } else if (this.#options.drains && this.#code === NOT_FOUND) {
      this.#finish({ status: 'L7OKC', code: NOT_FOUND });
    } else {
      this.#conclude({
        status: step.ok ?? 'L7OK',
        code: step.code ? step.code(this.#scope) : this.#code,
        info: successMessage(step, this.#scope, protocol),
      });
    }
  }

  #conclude({ status, code, info }: Ending): void {
    this.#finish({ status, info, ...(CODED.includes(status) ? { code: code ?? 0 } : {}) });
  }

  #failed(error: Error, layer: number): void {
    const where = whereabouts(this.#current, this.#script.protocol);
    const fault = faultOf(error, layer !== 4);
    if (layer === 4) this.#finish({ status: fault.status, info: `${fault.info}${where}` });
    else if (layer === 6) this.#finish({ status: 'L6RSP', info: `SSL handshake failure${where}` });
    else {
      this.#broken = error;
      this.#wake();
    }
  }

  #connectionLost(error: Error): void {
    const where = whereabouts(this.#current, this.#script.protocol);
    this.#finish({ status: 'SOCKERR', info: `${faultOf(error, true).info}${where}` });
  }

  #limit(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#expired(), milliseconds);
  }

  #expired(): void {
    const step = this.#current;
    const info = whereabouts(step, this.#script.protocol);
    const layer = this.#connection?.layer ?? 4;
    if (layer === 4) this.#finish({ status: 'L4TOUT', info });
    else if (layer === 6) this.#finish({ status: 'L6TOUT', info });
    else {
      const own = step.kind === 'expect' ? step.timeout : undefined;
      this.#finish({ status: own ?? 'L7TOUT', info });
    }
  }

  #finish({ status, code, info = '' }: Omit<CheckReport, 'duration'>): void {
    if (!this.#open) return;
    this.#open = false;
    clearTimeout(this.#timer);
    this.#connection?.close();
    this.#done({
      status,
      duration: Math.round(performance.now() - this.#started),
      ...(code === undefined ? {} : { code }),
      ...(info === '' ? {} : { info: plain(info) }),
    });
  }
}
