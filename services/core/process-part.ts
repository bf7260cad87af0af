/** The part of `/status` that is the same for every process of ours. */
export function processPart(unready: readonly string[]) {
  const { user, system } = process.cpuUsage();
  return {
    pid: process.pid,
    startedAt: Math.round(performance.timeOrigin),
    rss: process.memoryUsage.rss(),
    cpu: (user + system) / 1e6,
    ready: unready.length === 0,
    reasons: [...unready],
  };
}
