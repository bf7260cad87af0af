import type { ProxyConfig } from '../../model.ts';
import type { StickTableConfig } from './config.ts';
import { OwnTable } from './own-table.ts';
import type { TableMemory } from './shared-memory.ts';
import { SharedTable } from './shared-table.ts';
import type { StickTable } from './table.ts';

/** Where tables lie that several workers use. */
export interface TableSharing {
  readonly worker: number;
  table(config: StickTableConfig): TableMemory;
}

/** The stick-tables of one configuration, by the name of their proxy. */
export class StickTables {
  readonly #tables = new Map<string, StickTable>();
  readonly #sharing: TableSharing | undefined;

  constructor(proxies: readonly ProxyConfig[], sharing?: TableSharing) {
    this.#sharing = sharing;
    for (const { stickTable, disabled } of proxies) {
      if (!stickTable || disabled) continue;
      const table = sharing
        ? new SharedTable(stickTable, sharing.table(stickTable), sharing.worker)
        : new OwnTable(stickTable);
      this.#tables.set(stickTable.name, table);
    }
  }

  /** A worker is gone: it tracks nothing any more. */
  forget(worker: number): void {
    for (const table of this) if (table instanceof SharedTable) table.forget(worker);
  }

  get(name: string): StickTable | undefined {
    return this.#tables.get(name);
  }

  [Symbol.iterator](): IterableIterator<StickTable> {
    return this.#tables.values();
  }

  /** Goes on from where the tables stood before a reload. */
  takeOver(previous: StickTables): void {
    for (const table of [...this]) {
      const before = previous.get(table.config.name);
      if (!before) continue;
      if (alike(table, before)) this.#tables.set(table.config.name, before);
      // What is shared is taken over once.
      else if ((this.#sharing?.worker ?? 0) === 0) table.takeOver(before);
    }
  }

  close(): void {
    for (const table of this) table.close();
  }
}

/** Whether one can stand for the other: then sessions that began before count on in it. */
function alike({ config: a }: StickTable, { config: b }: StickTable): boolean {
  const shape = ({ position: _position, ...rest }: StickTable['config']): string =>
    JSON.stringify(rest);
  return shape(a) === shape(b);
}
