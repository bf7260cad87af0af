/** Longest wait, milliseconds. */
const CLOSE_WAIT = 5_000;

/** Resolves with the work, or without it when it takes too long. */
export function bounded(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const wait = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_WAIT);
  });
  return Promise.race([work, wait]).finally(() => clearTimeout(timer));
}
