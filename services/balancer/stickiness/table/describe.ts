import { DATA_TYPES } from './data-types.ts';
import type { StickEntry } from './entry.ts';
import { describeKey } from './key.ts';
import type { StickTable } from './table.ts';

/** The lines of `show table`: HAProxy 2.6 management guide. */
export function tableLine({ config, used }: StickTable): string {
  return `# table: ${config.name}, type: ${config.type}, size:${config.size}, used:${used}`;
}

/** `key=… use=… exp=… <data>=<value> …`; a rate has its period in milliseconds behind its name. */
export function entryLine(table: StickTable, entry: StickEntry): string {
  const key = describeKey(table.config.type, entry.key);
  const parts = [`key=${key} use=${entry.users} exp=${table.remaining(entry)}`];
  for (const { name, kind, period, elements } of table.layout.slots) {
    if (kind === 'text') {
      parts.push(`${name}=${entry.serverKey === '' ? '-' : entry.serverKey}`);
      continue;
    }
    const { array } = DATA_TYPES[name];
    for (let element = 0; element < elements; element++) {
      // `gpc_rate` of two elements is shown as gpc0_rate and gpc1_rate.
      const shown = array ? name.replace(/^gp[ct]/, (kind) => kind + element) : name;
      const label = kind === 'rate' ? `${shown}(${period})` : shown;
      parts.push(`${label}=${table.read(entry, name, element)}`);
    }
  }
  return parts.join(' ');
}
