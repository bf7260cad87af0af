import http from 'node:http';
import net from 'node:net';
import type { Service } from '#core/lifecycle.ts';

export interface ServingOptions {
  host: string;
  port: number;
  /** Between two questions, and how long an answer may take, milliseconds. */
  interval?: number;
  timeout?: number;
}

const INTERVAL = 250;
const TIMEOUT = 1_000;
const HTTP_OK = 200;
/** So many that get no answer in a row, and the balancer hangs. */
const SILENT = 2;
/** Between attempts to hold a connection to a balancer that is gone, milliseconds. */
const AGAIN = 50;

/**
 * Whether this node's balancer can serve clients, from its monitor page. One connection stays open
 * beside the questions: the kernel closes it in the moment in which the balancer dies, and a new
 * one is refused.
 */
export class Serving implements Service {
  readonly #options: ServingOptions;
  readonly #changed: () => void;
  #unable: string | undefined = 'the balancer was not asked yet';
  #silent = 0;
  #held: net.Socket | undefined;
  #timers = new Set<NodeJS.Timeout>();
  #question: http.ClientRequest | undefined;
  #closed = false;

  /** `changed` is called when `unable` has another value. */
  constructor(options: ServingOptions, changed: () => void) {
    this.#options = options;
    this.#changed = changed;
  }

  /** Why it cannot; undefined: it can. */
  get unable(): string | undefined {
    return this.#unable;
  }

  async start(): Promise<void> {
    this.#hold();
    this.#ask();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#question?.destroy();
    this.#held?.destroy();
  }

  #hold(): void {
    const { host, port } = this.#options;
    const socket = net.connect(port, host);
    let connected = false;
    this.#held = socket;
    socket.once('connect', () => {
      connected = true;
    });
    // What an idle connection is told before it is closed says nothing about the balancer.
    socket.resume();
    socket.on('error', () => undefined);
    socket.once('close', () => {
      if (this.#closed) return;
      if (connected) return this.#hold();
      this.#say('the balancer does not run');
      this.#later(() => this.#hold(), AGAIN);
    });
  }

  #ask(): void {
    const { host, port, interval = INTERVAL, timeout = TIMEOUT } = this.#options;
    const request = http.get({ host, port, path: '/', agent: false, timeout });
    this.#question = request;
    request.once('timeout', () => request.destroy(new Error('no answer')));
    request.once('response', (response) => {
      response.resume();
      this.#silent = 0;
      const ok = response.statusCode === HTTP_OK;
      this.#say(ok ? undefined : 'the balancer has no usable MQTT broker');
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#closed) return;
      this.#silent++;
      if (error.code === 'ECONNREFUSED') this.#say('the balancer does not run');
      else if (this.#silent >= SILENT) this.#say('the balancer does not answer');
    });
    request.once('close', () => this.#later(() => this.#ask(), interval));
  }

  #say(unable: string | undefined): void {
    if (unable === this.#unable) return;
    this.#unable = unable;
    this.#changed();
  }

  #later(act: () => void, after: number): void {
    if (this.#closed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, after);
    this.#timers.add(timer);
  }
}
