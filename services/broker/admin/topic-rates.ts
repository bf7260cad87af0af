/** Topics counted at a time. */
const CAPACITY = 1_024;
/** So many of a window's messages are all counted; of those that follow one in STEP, by chance. */
const EXACT = 2_000;
const STEP = 16;
/** Rates are over the present window and the one before, milliseconds each. */
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
 * elements", 1982). A topic with more than one in CAPACITY of what was counted is always among
 * them. At home everything is counted; a flood is sampled, so that it costs a flood's worth of
 * subtractions and no more.
 */
export class TopicRates {
  #counts = new Map<string, Count>();
  #since = performance.now();
  /** The window before. */
  #before: { counts: Map<string, Count>; seconds: number; missed: number } | undefined;
  /** How often every weight went down in this window. */
  #lowered = 0;
  /** Until sampling begins. */
  #exact = EXACT;
  /** Until the next sample. */
  #skip = 0;

  count(topic: string, bytes: number): void {
    if (this.#skip > 0) this.#skip--;
    else this.#sample(topic, bytes);
  }

  #sample(topic: string, bytes: number): void {
    let step = 1;
    if (this.#exact > 0) this.#exact--;
    else {
      step = STEP;
      // By chance, for topics that take turns would meet a fixed stride; STEP on average.
      this.#skip = Math.floor(Math.random() * (2 * STEP - 1));
    }
    const known = this.#counts.get(topic);
    if (known !== undefined) {
      known.weight++;
      known.messages += step;
      known.bytes += step * bytes;
    } else if (this.#counts.size < CAPACITY) {
      this.#counts.set(topic, { weight: 1, messages: step, bytes: step * bytes });
    } else {
      this.#lower();
    }
  }

  /** Ends a window when its time is over. Called every few seconds. */
  turn(): void {
    const now = performance.now();
    if (now - this.#since < TOPIC_WINDOW) return;
    const seconds = (now - this.#since) / 1000;
    this.#before = { counts: this.#counts, seconds, missed: this.#missed };
    this.#counts = new Map();
    this.#since = now;
    this.#lowered = 0;
    this.#exact = EXACT;
    this.#skip = 0;
  }

  /** The busiest of the present window and the one before. */
  top(count: number): { rates: TopicRate[]; seconds: number; error: number } {
    const present = Math.max(0.001, (performance.now() - this.#since) / 1000);
    const seconds = present + (this.#before?.seconds ?? 0);
    const sums = new Map<string, TopicRate>();
    for (const counts of [this.#before?.counts, this.#counts]) {
      for (const [topic, { messages, bytes }] of counts ?? []) {
        const sum = sums.get(topic) ?? { topic, messages: 0, bytes: 0 };
        sum.messages += messages / seconds;
        sum.bytes += bytes / seconds;
        sums.set(topic, sum);
      }
    }
    const rates = [...sums.values()].sort((a, b) => b.messages - a.messages).slice(0, count);
    return { rates, seconds, error: (this.#missed + (this.#before?.missed ?? 0)) / seconds };
  }

  /** At most so many messages of any topic are not in its count. */
  get #missed(): number {
    return this.#lowered * (this.#exact > 0 ? 1 : STEP);
  }

  /** Each of the counted loses one, in which the newcomer's is contained. */
  #lower(): void {
    this.#lowered++;
    for (const [topic, count] of this.#counts) {
      if (--count.weight <= 0) this.#counts.delete(topic);
    }
  }
}
