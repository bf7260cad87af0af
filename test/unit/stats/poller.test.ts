import { afterEach, expect, test, vi } from 'vitest';
import { lastKnown } from '../../../services/stats/model/sourced.ts';
import { Poller } from '../../../services/stats/sources/poller.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((poller) => poller.close()));
});

function poll<T>(read: (signal: AbortSignal) => Promise<T>, timeout = 1000, grace = 0) {
  const poller = new Poller({ name: 'peer', read, interval: 10, timeout, grace });
  open.push(poller);
  return poller;
}

test('a peer that falls silent keeps its last value, with the time that it came', async () => {
  let answers = true;
  const poller = poll(async () => {
    if (!answers) throw new Error('connection refused');
    return 42;
  });
  expect(poller.state.state).toBe('pending');
  await poller.start();
  await vi.waitFor(() => expect(poller.state.state).toBe('fresh'));
  answers = false;
  await vi.waitFor(() => expect(poller.state.state).toBe('stale'));
  const { state } = poller;
  expect(lastKnown(state)).toBe(42);
  expect(state).toMatchObject({ reason: 'connection refused' });
  const since = state.state === 'stale' ? state.staleSince : 0;
  expect(Date.now() - since).toBeGreaterThan(0);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(poller.state).toMatchObject({ staleSince: since });
  answers = true;
  await vi.waitFor(() => expect(poller.state.state).toBe('fresh'));
});

test('one lost answer is not news', async () => {
  const states: string[] = [];
  let turn = 0;
  const poller: Poller<number> = poll(async () => {
    states.push(poller.state.state);
    turn++;
    if (turn % 2 === 0) throw new Error('lost');
    return turn;
  });
  await poller.start();
  await vi.waitFor(() => expect(turn).toBeGreaterThan(8));
  expect(states.slice(1).every((state) => state === 'fresh')).toBe(true);
});

test('a peer that never answered is stale without a value', async () => {
  const poller = poll(async () => {
    throw new Error('connection refused');
  });
  await poller.start();
  await vi.waitFor(() => expect(poller.state.state).toBe('stale'));
  expect(lastKnown(poller.state)).toBeUndefined();
  expect('value' in poller.state).toBe(false);
});

test('a peer that has not answered yet may be starting; that ends', async () => {
  let asked = 0;
  const refuse = async () => {
    asked++;
    throw new Error('connection refused');
  };
  const poller = poll(refuse, 1000, 500);
  await poller.start();
  await vi.waitFor(() => expect(asked).toBeGreaterThan(5));
  expect(poller.state.state).toBe('pending');
  await vi.waitFor(() => expect(poller.state.state).toBe('stale'));
});

test('a peer that hangs is given up after the timeout, and one attempt runs at a time', async () => {
  let running = 0;
  let most = 0;
  const poller = poll(async (signal) => {
    most = Math.max(most, ++running);
    try {
      await new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason)),
      );
    } finally {
      running--;
    }
  }, 20);
  await poller.start();
  await vi.waitFor(() => expect(poller.state.state).toBe('stale'));
  expect(poller.state).toMatchObject({ reason: 'nothing within 20 ms' });
  expect(most).toBe(1);
});

test('close ends a question that is under way, twice if asked', async () => {
  const poller = poll(
    (signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    60_000,
  );
  await poller.start();
  await poller.close();
  await poller.close();
  expect(poller.state.state).toBe('pending');
});
