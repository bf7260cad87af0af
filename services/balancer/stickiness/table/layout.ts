import type { StoredData } from './config.ts';
import { DATA_NAMES, DATA_TYPES, type DataKind, type DataName } from './data-types.ts';
import { RATE_WIDTH } from './sliding-rate.ts';

/** Where an entry keeps one of its data. */
export interface Slot {
  readonly name: DataName;
  readonly kind: DataKind;
  readonly at: number;
  /** Milliseconds, of a rate. */
  readonly period: number;
  readonly elements: number;
}

/** Which numbers of an entry are what. */
export class Layout {
  readonly slots: readonly Slot[];
  readonly width: number;
  readonly #byName = new Map<DataName, Slot>();

  constructor(store: readonly StoredData[]) {
    let at = 0;
    const slots: Slot[] = [];
    for (const name of DATA_NAMES) {
      const stored = store.find((each) => each.name === name);
      if (!stored) continue;
      const { kind } = DATA_TYPES[name];
      const { period, elements } = stored;
      const slot = { name, kind, at, period, elements };
      slots.push(slot);
      this.#byName.set(name, slot);
      if (kind !== 'text') at += elements * (kind === 'rate' ? RATE_WIDTH : 1);
    }
    this.slots = slots;
    this.width = at;
  }

  get(name: DataName): Slot | undefined {
    return this.#byName.get(name);
  }
}
