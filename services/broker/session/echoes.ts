import { type Message, messageKey } from '#core/mqtt/message.ts';

/** How long a message may take to come by the ordinary way, milliseconds. */
const KEPT = 3_000;

/** Messages that a session took as retained ones and that are about to come from the log as well. */
export class Echoes {
  #keys: Set<string> | undefined;
  #timer: NodeJS.Timeout | undefined;

  add(messages: readonly Message[]): void {
    if (messages.length === 0) return;
    const keys = this.#keys ?? new Set<string>();
    for (const message of messages) keys.add(messageKey(message));
    this.#keys = keys;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#keys = undefined;
    }, KEPT);
    this.#timer.unref();
  }

  has(message: Message): boolean {
    return this.#keys?.has(messageKey(message)) === true;
  }
}
