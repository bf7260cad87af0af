/** Jiffies of all cores together since boot. */
interface CpuTimes {
  busy: number;
  total: number;
}

/** Fields of the `cpu` line of /proc/stat (proc(5)): user nice system idle iowait irq softirq steal. */
const IDLE = 3;
const IOWAIT = 4;
/** guest and guest_nice are already in user and nice. */
const FIELDS = 8;

/** Reads the first line of /proc/stat. Undefined when it is not what proc(5) says. */
export function parseCpuTimes(stat: string): CpuTimes | undefined {
  const end = stat.indexOf('\n');
  const [label, ...words] = stat.slice(0, end === -1 ? undefined : end).split(/\s+/);
  if (label !== 'cpu') return undefined;
  let total = 0;
  let idle = 0;
  for (const [index, word] of words.slice(0, FIELDS).entries()) {
    const jiffies = Number(word);
    if (!Number.isFinite(jiffies)) return undefined;
    total += jiffies;
    if (index === IDLE || index === IOWAIT) idle += jiffies;
  }
  return { busy: total - idle, total };
}

/** The busy share between two readings, 0..100. */
export class CpuUsage {
  #before: CpuTimes | undefined;

  /** Undefined for the first reading, and when no time has passed. */
  sample(stat: string): number | undefined {
    const now = parseCpuTimes(stat);
    const before = this.#before;
    this.#before = now;
    if (!now || !before || now.total <= before.total) return undefined;
    // iowait may go backwards on idle cores (proc(5)), so the share is kept within its bounds.
    const share = (now.busy - before.busy) / (now.total - before.total);
    return Math.min(Math.max(share, 0), 1) * 100;
  }
}
