/** Topics counted at a time. */
const CAPACITY = 1_024;
/** What rates are over, milliseconds. */
export const TOPIC_WINDOW = 10_000;

interface Count {
  /** What is left of its count after others took their share (Misra and Gries). */
  weight: number;
  messages: number;
  bytes: number;
}

export interface TopicRate {
  topic: string;
  /** Per second. */
  messages: number;
  bytes: number;
}

/**
 * The busiest topics in bounded memory: the algorithm of Misra and Gries ("Finding repeated
 * elements", 1982). A topic with more than one in CAPACITY of a window's messages is always among
 * them; counting one is a look into a map.
 */
export class TopicRates {
  #counts = new Map<string, Count>();
  #since = performance.now();
  #last: { rates: TopicRate[]; seconds: number; error: number } = {
    rates: [],
    seconds: 0,
    error: 0,
  };
  /** How often every weight went down in this window. */
  #lowered = 0;

  count(topic: string, bytes: number): void {
    const known = this.#counts.get(topic);
    if (known !== undefined) {
      known.weight++;
      known.messages++;
      known.bytes += bytes;
    } else if (this.#counts.size < CAPACITY) {
      this.#counts.set(topic, { weight: 1, messages: 1, bytes });
    } else {
      this.#lower();
    }
  }

  /** Ends a window when its time is over. Called every few seconds. */
  turn(): void {
    const now = performance.now();
    if (now - this.#since < TOPIC_WINDOW) return;
    const seconds = (now - this.#since) / 1000;
    this.#last = this.#snapshot(seconds);
    this.#counts = new Map();
    this.#since = now;
    this.#lowered = 0;
  }

  /** The busiest of the last whole window, or of the present one while that is the first. */
  top(count: number): { rates: TopicRate[]; seconds: number; error: number } {
    const seconds = Math.max(0.001, (performance.now() - this.#since) / 1000);
    const { rates, ...rest } = this.#last.seconds === 0 ? this.#snapshot(seconds) : this.#last;
    return { rates: rates.slice(0, count), ...rest };
  }

  /** Each of the counted loses one, in which the newcomer's is contained. */
  #lower(): void {
    this.#lowered++;
    for (const [topic, count] of this.#counts) {
      if (--count.weight <= 0) this.#counts.delete(topic);
    }
  }

  #snapshot(seconds: number): { rates: TopicRate[]; seconds: number; error: number } {
    const rates = [...this.#counts].map(([topic, { messages, bytes }]) => ({
      topic,
      messages: messages / seconds,
      bytes: bytes / seconds,
    }));
    rates.sort((a, b) => b.messages - a.messages);
    return { rates, seconds, error: this.#lowered / seconds };
  }
}
