import type { StatRow } from '#core/contracts/status.ts';

/** HAProxy's `type` column (management guide, section 9.1). */
const KINDS = ['frontend', 'backend', 'server', 'listener'] as const;
export type RowKind = (typeof KINDS)[number];

/**
 * What the `status` column comes down to: `going-down` is up with failed checks behind it
 * (`UP 1/3`), `going-up` is down with good ones (`DOWN 1/2`), `unchecked` is `no check`.
 */
export type RowState =
  | 'up'
  | 'going-down'
  | 'going-up'
  | 'down'
  | 'maint'
  | 'drain'
  | 'unchecked'
  | 'unknown';

/** A numeric column; undefined where HAProxy leaves it empty. */
export function numberOf(row: StatRow, column: string): number | undefined {
  const value = row[column];
  if (value === undefined || value === '') return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/** A textual column; '' where HAProxy leaves it empty. */
export function textOf(row: StatRow, column: string): string {
  return String(row[column] ?? '');
}

export function kindOf(row: StatRow): RowKind {
  const kind = KINDS[numberOf(row, 'type') ?? -1];
  if (kind !== undefined) return kind;
  const name = textOf(row, 'svname');
  if (name === 'FRONTEND') return 'frontend';
  return name === 'BACKEND' ? 'backend' : 'server';
}

export function stateOf(row: StatRow): RowState {
  const status = textOf(row, 'status').toUpperCase();
  const word = /^[A-Z]+/.exec(status)?.[0];
  const partial = / \d+\/\d+$/.test(status);
  switch (word) {
    case 'OPEN':
      return 'up';
    case 'UP':
      return partial ? 'going-down' : 'up';
    case 'DOWN':
      return partial ? 'going-up' : 'down';
    case 'STOP':
      return 'down';
    case 'NO':
      return 'unchecked';
    case 'MAINT':
      return 'maint';
    case 'NOLB':
    case 'DRAIN':
      return 'drain';
    default:
      return 'unknown';
  }
}

/** Whether the row takes traffic as it is. */
export function isUp(state: RowState): boolean {
  return state === 'up' || state === 'going-down' || state === 'unchecked';
}
