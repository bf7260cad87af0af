import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { Message } from '#core/mqtt/message.ts';
import type { MessageLog, Receipt } from './log/message-log.ts';
import type { Router } from './router/router.ts';
import type { RetainedStore } from './store/retained.ts';

export interface IntakeOptions {
  node: string;
  log: Logger;
  messages: () => MessageLog;
  retained: RetainedStore;
  router: Router;
}

/** Publications on their way into the log, above which publishers wait, bytes. */
const PENDING_MAX = 16 << 20;
/** How often a publisher that waits for the log looks again, milliseconds. */
const RELIEF = 10;

const NOBODY: Receipt = { settle: () => {} };

/**
 * Where every publication of this node comes in. QoS 0 is routed at once; QoS 1 and 2 go into the
 * log, and are routed on every node, this one included, when they are read from there.
 */
export class Intake {
  readonly #options: IntakeOptions;
  #sequence = Date.now() * 1_000;
  #relief: Promise<void> | undefined;
  #wills: Message[] = [];

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** `receipt` is told when the message is durable; without one nobody waits for that. */
  accept(message: Message, receipt: Receipt | undefined): void {
    const { node, router, messages } = this.#options;
    message.origin = node;
    message.sequence = ++this.#sequence;
    // What is retained is so by the order of the log, QoS 0 too: there it is for nobody else.
    if (message.qos > 0 || message.retain) messages().append(message, receipt ?? NOBODY);
    if (message.qos === 0) router.publish(message);
  }

  /** Takes each message as it is read from the log. */
  logged(message: Message): void {
    const { router, retained } = this.#options;
    if (message.retain) retained.take(message);
    if (message.qos > 0) router.receiveLogged(message);
  }

  /** What a publisher has to wait for while the log does not keep up, if anything. */
  logRelief(): Promise<void> | undefined {
    if (this.#options.messages().pendingBytes < PENDING_MAX) return undefined;
    this.#relief ??= new Promise((resolve) => {
      const look = setInterval(() => {
        if (this.#options.messages().pendingBytes >= PENDING_MAX / 2) return;
        clearInterval(look);
        this.#relief = undefined;
        resolve();
      }, RELIEF);
    });
    return this.#relief;
  }

  /** Wills leave on a turn of their own: their connections may end while a message is routed. */
  publishWill(message: Message, clientId: string): void {
    message.publisher = clientId;
    if (this.#wills.push(message) > 1) return;
    setImmediate(() => {
      const wills = this.#wills;
      this.#wills = [];
      for (const will of wills) {
        this.accept(will, { settle: (error) => error && this.#notSent(will, error) });
      }
    });
  }

  /** As publishWill; resolves when it is durable, rejects when that cannot be said. */
  publishWillDurably(message: Message, clientId: string): Promise<void> {
    message.publisher = clientId;
    return new Promise((resolve, reject) => {
      this.accept(message, { settle: (error) => (error ? reject(error) : resolve()) });
      if (message.qos === 0) resolve();
    });
  }

  #notSent({ topic, publisher }: Message, error: Error): void {
    this.#options.log.warn({ clientId: publisher, topic }, `will: ${describeError(error)}`);
  }
}
