import { type Answers, askQuorum, COPIES, QUORUM, type Reachability } from './quorum.ts';

/** One of the places that hold a copy of each value. */
export interface Cell {
  /** Sequence 0 = nothing is there. Rejects when the cell does not answer. */
  read(key: string): Promise<{ bytes: Buffer; sequence: number }>;
  /**
   * Writes if the key's last sequence is still `expected`; resolves with the new one, undefined
   * when it is another. Rejects when the cell does not answer: it may have written or not.
   */
  write(key: string, bytes: Buffer, expected: number): Promise<number | undefined>;
}

/** Which value of a key it is. */
export interface Version {
  /** Values before it. */
  readonly height: number;
  /** Tells it from others of the same height; empty = nothing was ever written. */
  readonly nonce: string;
  /** By cell: the sequence that a write there must find, where it is known. */
  readonly sequences?: readonly (number | undefined)[];
}

export interface Versioned {
  readonly bytes: Buffer;
  readonly version: Version;
}

export interface RegisterOptions {
  cells: readonly Cell[];
  reachability: Reachability;
}

/** Reads and writes that take longer are asked of the third cell too, milliseconds. */
const READ_HEDGE = 250;
const WRITE_HEDGE = 400;
/** Times that what competing writers left is looked at again before the caller is told. */
const ROUNDS = 10;

export const UNWRITTEN: Version = { height: 0, nonce: '', sequences: [0, 0, 0] };

/** Somebody else wrote the key since the version that the write was to follow. */
export class OvertakenError extends Error {}

/** Not enough cells answer to say what the value is. */
export class UnsettledError extends Error {}

interface Slot {
  bytes: Buffer;
  height: number;
  nonce: string;
  sequence: number;
}

/**
 * A value by key, changed by compare-and-set, that can be read and written while one of three cells
 * is away, where each cell alone knows no more than compare-and-set. A value is written when two
 * cells have it. Each carries its height, one more than that of the value it follows, which must
 * itself have been written; so written values form one line, and of two values the higher one knows
 * the lower, or the lower was never written. What a writer that died left in one cell is finished
 * by whoever reads it next. A value is never put over another one of its own height, since that may
 * be in the cell that is away as well; only where each cell has one of its own, none of them was
 * written nor can be, and the next height goes on from the greatest.
 */
export class QuorumRegister {
  readonly #options: RegisterOptions;

  constructor(options: RegisterOptions) {
    this.#options = options;
  }

  /** Rejects with UnsettledError while too few cells answer. */
  async load(key: string, home: number): Promise<Versioned> {
    for (let round = 0; ; round++) {
      const settled = await this.#settle(key, home);
      if (settled !== undefined) return settled;
      if (round === ROUNDS) throw new UnsettledError('others are writing it');
    }
  }

  /**
   * Resolves with the new version. Rejects with OvertakenError when the key's version is another
   * one than `expected`, with UnsettledError while too few cells answer: then it may be written or
   * not, and `again` with the same nonce finds out. A nonce is used for one write in the whole
   * cluster; of two writes that compete the greater one is taken.
   */
  async save(
    key: string,
    home: number,
    value: { bytes: Buffer; expected: Version; nonce: string; again: boolean },
  ): Promise<Version> {
    const { expected, nonce } = value;
    const following = expected.height + 1;
    const framed = frame(value.bytes, following, nonce);
    let { sequences } = expected;
    for (let round = 0; round <= ROUNDS; round++) {
      if (value.again || round > 0 || sequences === undefined) {
        const { version } = await this.load(key, home);
        if (version.nonce === nonce) return version;
        if (version.nonce !== expected.nonce || version.height !== expected.height) {
          throw new OvertakenError(`version ${version.height} has come before ${following}`);
        }
        sequences = version.sequences ?? [];
      }
      const written = await this.#write(key, home, framed, sequences);
      if (written !== undefined) return { height: following, nonce, sequences: written };
    }
    throw new UnsettledError('others are writing it');
  }

  /** What each cell has, where all of them answer; for whoever takes old keys away. */
  async heights(key: string): Promise<{ height: number; sequence: number; empty: boolean }[]> {
    const slots = await Promise.all(
      this.#options.cells.map(async (cell) => parse(await cell.read(key))),
    );
    return slots.map(({ height, sequence, bytes }) => {
      return { height, sequence, empty: bytes.length === 0 };
    });
  }

  /** Undefined when something was written meanwhile. */
  async #settle(key: string, home: number): Promise<Versioned | undefined> {
    let { slots, count, cause } = await this.#read(key, this.#options.reachability.order(home));
    if (count < QUORUM) throw new UnsettledError('too few cells answer', { cause });
    let top = highest(slots);
    if (votes(slots, top) >= QUORUM) return versioned(top, slots);
    const contested = slots.every((slot) => slot === undefined || slot.height === top.height);
    // Two are writing, or have died on the way: the third cell tells, if it answers.
    if (contested && count < COPIES) {
      const missing = slots.indexOf(undefined);
      const third = await this.#cell(missing)
        .read(key)
        .catch(() => undefined);
      if (third !== undefined) {
        slots = slots.with(missing, parse(third));
        count++;
        top = highest(slots);
        if (votes(slots, top) >= QUORUM) return versioned(top, slots);
      }
    }
    const rivals = slots.filter((slot) => slot !== undefined && slot.height === top.height);
    // None of the three was written, and none can be.
    if (rivals.length === COPIES) return versioned(top, slots);
    // A rival may be in the cell that does not answer too.
    if (rivals.length === count || (rivals.length > 1 && count < COPIES)) {
      throw new UnsettledError('the cell that decides does not answer', { cause });
    }
    return this.#finish(key, top, slots);
  }

  /** Writes the value to a cell that has an older one; undefined when somebody else was faster. */
  async #finish(
    key: string,
    top: Slot,
    slots: readonly (Slot | undefined)[],
  ): Promise<Versioned | undefined> {
    const framed = frame(top.bytes, top.height, top.nonce);
    let cause: unknown;
    for (const [place, slot] of slots.entries()) {
      if (slot === undefined || slot.height >= top.height) continue;
      try {
        const written = await this.#cell(place).write(key, framed, slot.sequence);
        if (written === undefined) return undefined;
        return versioned(top, slots.with(place, { ...top, sequence: written }));
      } catch (error) {
        cause = error;
      }
    }
    throw new UnsettledError('too few cells can be written', { cause });
  }

  async #read(
    key: string,
    order: readonly number[],
  ): Promise<{ slots: (Slot | undefined)[]; count: number; cause: unknown }> {
    const { byPlace, count, cause } = await askQuorum({
      order,
      reachability: this.#options.reachability,
      ask: (place) => this.#cell(place).read(key),
      hedge: READ_HEDGE,
    });
    const slots = Array.from({ length: COPIES }, (_, place) => {
      const found = byPlace[place];
      return found && parse(found);
    });
    return { slots, count, cause };
  }

  /** The sequences after the write; undefined when it is not known to stand. */
  async #write(
    key: string,
    home: number,
    framed: Buffer,
    sequences: readonly (number | undefined)[],
  ): Promise<(number | undefined)[] | undefined> {
    const order = this.#options.reachability
      .order(home)
      .filter((place) => sequences[place] !== undefined);
    const answers: Answers<number | false> = await askQuorum({
      order,
      reachability: this.#options.reachability,
      ask: async (place) =>
        (await this.#cell(place).write(key, framed, sequences[place]!)) ?? false,
      hedge: WRITE_HEDGE,
      settles: (written) => written === false,
    });
    const written = answers.byPlace.filter((answer) => typeof answer === 'number');
    if (written.length < QUORUM) return undefined;
    // Where the write is not known to have come, the sequence is not known any more.
    return Array.from({ length: COPIES }, (_, place) => {
      const answer = answers.byPlace[place];
      return typeof answer === 'number' ? answer : undefined;
    });
  }

  #cell(place: number): Cell {
    return this.#options.cells[place]!;
  }
}

/** What a cell's bytes are a version of; the height of nothing is 0. */
export function unframe(bytes: Buffer): { height: number; nonce: string; content: Buffer } {
  const end = bytes.indexOf(0x0a);
  const [height, nonce] = bytes.toString('latin1', 0, Math.max(end, 0)).split(' ');
  if (end < 0 || nonce === undefined) return { height: 0, nonce: '', content: Buffer.alloc(0) };
  return { height: Number(height), nonce, content: bytes.subarray(end + 1) };
}

function frame(bytes: Buffer, height: number, nonce: string): Buffer {
  return Buffer.concat([Buffer.from(`${height} ${nonce}\n`, 'latin1'), bytes]);
}

function parse({ bytes, sequence }: { bytes: Buffer; sequence: number }): Slot {
  const { height, nonce, content } = unframe(bytes);
  return { bytes: content, height, nonce, sequence };
}

/** The same for everybody who sees the same cells: what was written, or might have been. */
function highest(slots: readonly (Slot | undefined)[]): Slot {
  let top: Slot | undefined;
  for (const slot of slots) {
    if (slot !== undefined && (top === undefined || isAbove(slot, top, slots))) top = slot;
  }
  return top!;
}

function isAbove(a: Slot, b: Slot, slots: readonly (Slot | undefined)[]): boolean {
  if (a.height !== b.height) return a.height > b.height;
  const more = votes(slots, a) - votes(slots, b);
  return more > 0 || (more === 0 && a.nonce > b.nonce);
}

function votes(slots: readonly (Slot | undefined)[], { nonce, height }: Slot): number {
  return slots.filter((slot) => slot?.nonce === nonce && slot.height === height).length;
}

function versioned(
  { bytes, height, nonce }: Slot,
  slots: readonly (Slot | undefined)[],
): Versioned {
  return { bytes, version: { height, nonce, sequences: slots.map((slot) => slot?.sequence) } };
}
