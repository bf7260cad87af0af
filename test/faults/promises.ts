import { expect } from 'vitest';
import type { Outcome } from './scenario.ts';

/** Longest stall of acknowledged publishing at the 99th percentile when a node dies, milliseconds. */
export const STALL_MAX = 2_000;

/** What holds whatever happens to one node. */
export function expectNothingLost({ books, open, sessionsLost }: Outcome): void {
  const { examples } = books;
  expect(books.acknowledged, 'acknowledged').toBeGreaterThan(books.published / 2);
  expect({ lost: books.lost, examples }, 'acknowledged and never received').toMatchObject({
    lost: 0,
  });
  expect({ doubled: books.doubled, examples }, 'QoS 2 taken twice').toMatchObject({ doubled: 0 });
  expect({ disordered: books.disordered, examples }, 'out of order').toMatchObject({
    disordered: 0,
  });
  expect(books.invented, 'never published').toBe(0);
  expect(sessionsLost, 'sessions lost').toBe(0);
  expect(open, 'publishes without an answer').toBe(0);
}
