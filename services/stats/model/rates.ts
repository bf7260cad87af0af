/** Counters of one process at one moment. */
export interface CounterSample<K extends string> {
  /** Monotonic milliseconds (performance.now), so that a clock step makes no rate. */
  at: number;
  /** Tells one run of the process from the next: its pid and start time. */
  incarnation: string;
  counters: Readonly<Record<K, number>>;
}

export type Rates<K extends string> = Readonly<Record<K, number>>;

/** Long enough to steady the figure, short enough to feel live. Milliseconds. */
const DEFAULT_WINDOW = 5000;

/**
 * Rates a second from counters that start over with their process. A restart, or a counter that
 * went back for any other reason, begins a new series: a rate is never negative and never counts
 * the same message twice.
 */
export class RateMeter<K extends string> {
  readonly #window: number;
  readonly #samples: CounterSample<K>[] = [];

  constructor(window = DEFAULT_WINDOW) {
    this.#window = window;
  }

  /** Adds a sample; keeps no more than the window needs. */
  add(sample: CounterSample<K>): void {
    const samples = this.#samples;
    const last = samples.at(-1);
    if (last && !continues(last, sample)) samples.length = 0;
    // A second answer for the same moment would divide by nothing.
    if (last && samples.length > 0 && sample.at <= last.at) return;
    samples.push(sample);
    while (samples.length > 2 && sample.at - samples[1]!.at >= this.#window) samples.shift();
  }

  /** Rates over the window, or undefined until two samples of the same run are there. */
  rates(): Rates<K> | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || first === last) return undefined;
    const seconds = (last.at - first.at) / 1000;
    const rates = {} as Record<K, number>;
    for (const key of Object.keys(last.counters) as K[]) {
      rates[key] = (last.counters[key] - first.counters[key]) / seconds;
    }
    return rates;
  }
}

function continues<K extends string>(from: CounterSample<K>, to: CounterSample<K>): boolean {
  if (from.incarnation !== to.incarnation) return false;
  return (Object.keys(to.counters) as K[]).every((key) => to.counters[key] >= from.counters[key]);
}
