/** What a unit's processes hold, KiB. Shared pages count once a process in `rss`, in parts in `pss`. */
export interface Held {
  rss: number;
  pss: number;
}

/** For sh on a node: a line of unit, field and KiB for each process of each of our units. */
export const LOOK = `for unit in /sys/fs/cgroup/system.slice/bramble-*.service; do
  name=\${unit##*/bramble-}
  for pid in $(cat $unit/cgroup.procs); do
    sed -n "s/^\\(Rss\\|Pss\\): *\\([0-9]*\\) kB/\${name%.service} \\1 \\2/p" /proc/$pid/smaps_rollup
  done
done`;

/** Adds what LOOK has written up, by unit. */
export function heldBy(text: string): Map<string, Held> {
  const units = new Map<string, Held>();
  for (const [, unit = '', field, kib] of text.matchAll(/^(\S+) (Rss|Pss) (\d+)$/gm)) {
    const held = units.get(unit) ?? { rss: 0, pss: 0 };
    held[field === 'Rss' ? 'rss' : 'pss'] += Number(kib);
    units.set(unit, held);
  }
  return units;
}

/** As a table in MiB, with the sum at its end. */
export function heldText(units: ReadonlyMap<string, Held>): string {
  const line = (name: string, { rss, pss }: Held): string =>
    `${name.padEnd(12)} RSS ${mib(rss)} PSS ${mib(pss)}`;
  const lines = [...units].map(([name, held]) => line(name, held));
  return [...lines, line('all', sum(units))].join('\n');
}

export function sum(units: ReadonlyMap<string, Held>): Held {
  const all = { rss: 0, pss: 0 };
  for (const { rss, pss } of units.values()) {
    all.rss += rss;
    all.pss += pss;
  }
  return all;
}

function mib(kib: number): string {
  return `${(kib / 1024).toFixed(0).padStart(4)} MiB`;
}
