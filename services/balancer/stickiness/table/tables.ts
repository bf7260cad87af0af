import type { ProxyConfig } from '../../model.ts';
import { StickTable } from './table.ts';

/** The stick-tables of one configuration, by the name of their proxy. */
export class StickTables {
  readonly #tables = new Map<string, StickTable>();

  constructor(proxies: readonly ProxyConfig[]) {
    for (const { stickTable, disabled } of proxies) {
      if (stickTable && !disabled) this.#tables.set(stickTable.name, new StickTable(stickTable));
    }
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
      else table.takeOver(before);
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
