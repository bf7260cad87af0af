import type { TestContext } from 'vitest';
import type { Outcome } from './scenario.ts';

/** Columns of the table at the end; cells that do not apply stay empty. */
export const COLUMNS = [
  'acknowledged',
  'refused',
  'received',
  'repeated',
  'lost',
  'doubled',
  'disorder',
  'sessions lost',
  'QoS 0 gap',
  'publish p50',
  'p99',
  'max',
  'connect max',
  'note',
] as const;
export type Column = (typeof COLUMNS)[number];
export type FaultRow = Partial<Record<Column, string | number>>;

declare module 'vitest' {
  interface TaskMeta {
    fault?: FaultRow;
  }
}

/** Puts a line into the table, also when the test then fails. */
export function report(context: TestContext, row: FaultRow): void {
  context.task.meta.fault = row;
}

export function milliseconds(value: number): string {
  if (Number.isNaN(value)) return '';
  return Number.isFinite(value) ? `${Math.round(value)}` : 'never';
}

export function rowOf(outcome: Outcome, note = ''): FaultRow {
  const { books, publish, publishAtLeastOnce, publishElsewhere, publishElsewhereAtLeastOnce } =
    outcome;
  const notes = [
    note,
    outcome.open > 0 ? `${outcome.open} never answered` : '',
    `p99 of QoS 1 ${milliseconds(publishAtLeastOnce.p99)}, elsewhere ${milliseconds(publishElsewhere.p99)}, both ${milliseconds(publishElsewhereAtLeastOnce.p99)}`,
    ...books.examples.slice(0, 3),
  ];
  return {
    acknowledged: `${books.acknowledged}/${books.published}`,
    refused: String(outcome.refused),
    received: String(books.received),
    repeated: String(books.repeated),
    lost: String(books.lost),
    doubled: String(books.doubled),
    disorder: String(books.disordered),
    'sessions lost': String(outcome.sessionsLost),
    'QoS 0 gap': milliseconds(outcome.deliveryGap),
    'publish p50': milliseconds(publish.p50),
    p99: milliseconds(publish.p99),
    max: milliseconds(publish.max),
    'connect max': milliseconds(outcome.connectMax),
    note: notes.filter((text) => text !== '').join('; '),
  };
}
