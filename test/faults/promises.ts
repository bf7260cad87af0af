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

/** Whatever happens to a node, publishers at the others hardly notice. */
export function expectOthersUnharmed({ publishElsewhere }: Outcome): void {
  expect(publishElsewhere.p99, 'p99 of publishing elsewhere').toBeLessThan(STALL_MAX);
}

/** The same where an election takes longer than that: then exactly once has to wait for it. */
export function expectOthersPublish({ publishElsewhereAtLeastOnce: { p99 } }: Outcome): void {
  expect(p99, 'p99 of publishing elsewhere with QoS 1').toBeLessThan(STALL_MAX);
}

/**
 * When a node dies, its own publishers of QoS 1 go on elsewhere as soon. Those of QoS 2 wait for
 * the engine's election: whether a message of theirs is in a shard without a leader, only that
 * shard knows, and exactly once needs the answer.
 */
export function expectShortStall(outcome: Outcome): void {
  expectOthersUnharmed(outcome);
  expect(outcome.publishAtLeastOnce.p99, 'p99 of publishing with QoS 1').toBeLessThan(STALL_MAX);
}
