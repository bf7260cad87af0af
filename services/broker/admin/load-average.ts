/** Minutes that Mosquitto's load averages look back. */
export const LOAD_MINUTES = [1, 5, 15] as const;

/**
 * A moving average of a counter's growth a minute, as Mosquitto computes its `load` topics
 * (mosquitto(8)): each interval counts with 1 − e^(−interval / minutes).
 */
export class LoadAverage {
  #before: number | undefined;
  readonly #averages: Record<(typeof LOAD_MINUTES)[number], number> = { 1: 0, 5: 0, 15: 0 };

  /** Takes the counter after `seconds`. The first call only remembers it. */
  sample(counter: number, seconds: number): void {
    const before = this.#before;
    this.#before = counter;
    if (before === undefined || seconds <= 0) return;
    const perMinute = ((counter - before) / seconds) * 60;
    for (const minutes of LOAD_MINUTES) {
      const keep = Math.exp(-seconds / (60 * minutes));
      this.#averages[minutes] = perMinute + keep * (this.#averages[minutes] - perMinute);
    }
  }

  over(minutes: (typeof LOAD_MINUTES)[number]): number {
    return this.#averages[minutes];
  }
}
