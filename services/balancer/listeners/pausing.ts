import type { Frontend } from './frontend.ts';
import type { Listener } from './listener.ts';
import { startError } from './start-error.ts';

const socketsOf = (frontend: Frontend, listeners: readonly Listener[]): Listener[] =>
  listeners.filter(({ context }) => context === frontend);

/** Closes the frontend's sockets, for now or for good; its connections live on. */
export async function pauseFrontend(
  frontend: Frontend,
  listeners: readonly Listener[],
  state: 'paused' | 'stopped',
): Promise<void> {
  frontend.state = state;
  await Promise.all(socketsOf(frontend, listeners).map((listener) => listener.close()));
}

/** Listens again. Rejects, with nothing opened, when an address cannot be had. */
export async function resumeFrontend(
  frontend: Frontend,
  listeners: readonly Listener[],
): Promise<void> {
  const sockets = socketsOf(frontend, listeners);
  const results = await Promise.allSettled(sockets.map((listener) => listener.start()));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) {
    await Promise.all(sockets.map((listener) => listener.close()));
    throw startError(failed.reason);
  }
  for (const listener of sockets) listener.open();
  frontend.state = 'open';
}
