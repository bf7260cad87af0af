/** First wait before a shard that failed is tried again, milliseconds; it doubles up to the last. */
const PROBE_FIRST = 1_000;
const PROBE_LAST = 16_000;
/** A shard that fails again within this time after it worked has to wait longer, milliseconds. */
const RELAPSE = 20_000;

interface ShardState {
  /** When it failed, or undefined: it works as far as this node knows. */
  failedAt: number | undefined;
  workedAt: number;
  probeAt: number;
  probeWait: number;
  /** Lanes that are written to it. */
  lanes: number;
}

/** What this node's writer knows of the shards: which of them take records. */
export class ShardBoard {
  readonly #shards: ShardState[];

  constructor(shards: number) {
    this.#shards = Array.from({ length: shards }, () => ({
      failedAt: undefined,
      workedAt: Number.NEGATIVE_INFINITY,
      probeAt: 0,
      probeWait: PROBE_FIRST,
      lanes: 1,
    }));
  }

  works(shard: number): boolean {
    return this.#shards[shard]!.failedAt === undefined;
  }

  failed(shard: number, now: number): void {
    const state = this.#shards[shard]!;
    if (state.failedAt !== undefined) return;
    const relapsed = now - state.workedAt < RELAPSE;
    state.probeWait = relapsed ? Math.min(2 * state.probeWait, PROBE_LAST) : PROBE_FIRST;
    state.failedAt = now;
    state.probeAt = now + state.probeWait;
  }

  /** Returns whether that is news. */
  worked(shard: number, now: number): boolean {
    const state = this.#shards[shard]!;
    if (state.failedAt === undefined) return false;
    state.failedAt = undefined;
    state.workedAt = now;
    return true;
  }

  /** Shards that failed and are due to be tried again. */
  due(now: number): number[] {
    const due: number[] = [];
    for (const [shard, state] of this.#shards.entries()) {
      if (state.failedAt === undefined || now < state.probeAt) continue;
      state.probeAt = now + state.probeWait;
      due.push(shard);
    }
    return due;
  }

  moved(from: number, to: number): void {
    this.#shards[from]!.lanes--;
    this.#shards[to]!.lanes++;
  }

  /** Where a lane turns to: the working shard with the fewest lanes, else who failed longest ago. */
  alternative(to: number): number {
    let best = to;
    for (const [shard, state] of this.#shards.entries()) {
      if (shard !== to && (best === to || isBetter(state, this.#shards[best]!))) best = shard;
    }
    return best;
  }
}

function isBetter(a: ShardState, b: ShardState): boolean {
  if (a.failedAt !== b.failedAt) {
    if (a.failedAt === undefined || b.failedAt === undefined) return a.failedAt === undefined;
    return a.failedAt < b.failedAt;
  }
  return a.lanes < b.lanes;
}
