/** Whom a session at the master's socket speaks to. */
export type Place = 'master' | 'worker';

/**
 * Whom a prefix means: `@` or `@master`, the one worker `@1`, or `@!<pid>`. undefined = nobody who
 * is here. Master and worker are one process (HAProxy 2.6 management guide, section 9.4.1).
 */
export function placeOf(prefix: string): Place | undefined {
  if (prefix === '@' || prefix === '@master' || prefix === '@0') return 'master';
  return prefix === '@1' || prefix === `@!${process.pid}` ? 'worker' : undefined;
}

/** What a session shows that waits for a command. */
export const promptOf = (place: Place | undefined): string => {
  if (place === undefined) return '> ';
  return place === 'master' ? 'master> ' : `${process.pid}> `;
};

/** Days, hours, minutes and seconds, as `show proc` has them. */
export function uptimeText(seconds: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const [days, hours] = [Math.floor(seconds / 86_400), (seconds % 86_400) / 3600];
  return `${days}d${two(hours)}h${two((seconds % 3600) / 60)}m${two(seconds % 60)}s`;
}
