import type { Logger } from '../log.ts';

/** Between two attempts, milliseconds. */
const RETRY = 200;

/** Tries until it succeeds or `signal` ends it. */
export async function persist(
  what: string,
  signal: AbortSignal,
  log: Logger,
  attempt: () => Promise<void>,
): Promise<void> {
  for (let count = 0; ; count++) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (count % 20 === 0) log.warn({ err: error }, what);
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }
}
