/** One point every this many milliseconds … */
export const HISTORY_STEP = 5000;
/** … and this many points: five minutes. */
export const HISTORY_POINTS = 60;

/** The mean of what was seen in each step, newest last; undefined where nothing was seen. */
export class History {
  readonly #points: (number | undefined)[] = [];
  #step: number | undefined;
  #sum = 0;
  #count = 0;

  /** `at`: monotonic milliseconds. A value of undefined only lets time pass. */
  add(at: number, value: number | undefined): void {
    const step = Math.floor(at / HISTORY_STEP);
    this.#step ??= step;
    if (step > this.#step) {
      this.#push(this.#count === 0 ? undefined : this.#sum / this.#count);
      const missed = Math.min(step - this.#step - 1, HISTORY_POINTS);
      for (let i = 0; i < missed; i++) this.#push(undefined);
      this.#step = step;
      this.#sum = 0;
      this.#count = 0;
    }
    if (value === undefined) return;
    this.#sum += value;
    this.#count++;
  }

  get points(): readonly (number | undefined)[] {
    return this.#points.slice();
  }

  #push(point: number | undefined): void {
    this.#points.push(point);
    if (this.#points.length > HISTORY_POINTS) this.#points.shift();
  }
}
