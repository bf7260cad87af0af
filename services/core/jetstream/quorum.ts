/** Copies of each thing, in streams whose leaders are on different nodes. */
export const COPIES = 3;
/** So many of them that any two such sets have one in common. */
export const QUORUM = 2;

/** One that did not answer in time is asked last for so long, milliseconds. */
const AVOIDED = 2_000;

/** Remembers which places did not answer, so that nobody waits for them again so soon. */
export class Reachability {
  readonly #avoidUntil: number[] = new Array<number>(COPIES).fill(0);

  answered(place: number): void {
    this.#avoidUntil[place] = 0;
  }

  silent(place: number): void {
    this.#avoidUntil[place] = performance.now() + AVOIDED;
  }

  /** All places from `home` on, those that were silent last. */
  order(home: number): number[] {
    const now = performance.now();
    const places = Array.from({ length: COPIES }, (_, i) => (home + i) % COPIES);
    const silent = (place: number): boolean => (this.#avoidUntil[place] ?? 0) > now;
    return [...places.filter((place) => !silent(place)), ...places.filter(silent)];
  }
}

export interface QuorumOptions<T> {
  /** Places in the order in which they are asked. */
  order: readonly number[];
  /** Is told who answers and who does not. */
  reachability: Reachability;
  ask: (place: number) => Promise<T>;
  /** Milliseconds after which the places in reserve are asked too, slow ones being as good as lost. */
  hedge: number;
  /** Whether this answer settles the matter, so that no others are waited for. */
  settles?: (answer: T) => boolean;
}

export interface Answers<T> {
  /** By place; undefined = no answer, or not asked. */
  byPlace: (T | undefined)[];
  count: number;
  /** Why the first place that failed did. */
  cause: unknown;
}

/**
 * Asks as many places as a quorum needs, and the rest when one of them fails or takes long.
 * Resolves as soon as a quorum has answered or an answer settles it, at the latest when all have
 * answered or failed.
 */
export function askQuorum<T>(options: QuorumOptions<T>): Promise<Answers<T>> {
  const { order, reachability, ask, hedge, settles } = options;
  const answers: Answers<T> = { byPlace: [], count: 0, cause: undefined };
  return new Promise((resolve) => {
    let asked = 0;
    const open = new Set<number>();
    const done = (): void => {
      clearTimeout(timer);
      // What still comes belongs to nobody.
      resolve({ ...answers, byPlace: [...answers.byPlace] });
    };
    const next = (): void => {
      const place = order[asked++];
      if (place === undefined) return;
      open.add(place);
      ask(place).then(
        (answer) => {
          open.delete(place);
          reachability.answered(place);
          answers.byPlace[place] = answer;
          answers.count++;
          if (answers.count >= QUORUM || settles?.(answer) === true) done();
          else if (open.size === 0 && asked >= order.length) done();
        },
        (error: unknown) => {
          open.delete(place);
          reachability.silent(place);
          answers.cause ??= error;
          if (asked < order.length) next();
          else if (open.size === 0) done();
        },
      );
    };
    const timer = setTimeout(() => {
      for (const place of open) reachability.silent(place);
      while (asked < order.length) next();
    }, hedge);
    for (let i = 0; i < QUORUM; i++) next();
  });
}
