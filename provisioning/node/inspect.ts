import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { hostname } from 'node:os';
import { drainedBy } from '#core/drain.ts';
import { ownAddresses } from './drain.ts';
import { pointedTo, readText } from './files.ts';
import { kept } from './generation.ts';
import { CLUSTER_FILE, type Layout } from './layout.ts';
import { servingUnits } from './units.ts';

export interface UnitState {
  unit: string;
  active: string;
  sub: string;
  restarts: number;
}

/** How a node stands, as told by itself. */
export interface Inspection {
  hostname: string;
  release: string | null;
  previous: string | null;
  /** First characters of a hash of cluster.yaml: the same on all nodes. */
  cluster: string | null;
  units: UnitState[];
  drainedBy: string[];
  addresses: string[];
  /** Milliseconds since the epoch, by this node's clock. */
  now: number;
  disk: { size: number; free: number };
}

const HASH_LENGTH = 12;

export function clusterHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_LENGTH);
}

export function inspectNode(layout: Layout, drain: string): Inspection {
  const release = pointedTo(layout.current);
  const cluster = readText(`${layout.etc}/${CLUSTER_FILE}`);
  const units = release === undefined ? [] : servingUnits(layout, release);
  const { bsize, blocks, bavail } = statfsSync(release === undefined ? '/' : layout.current);
  return {
    hostname: hostname(),
    release: release ?? null,
    previous: previousRelease(layout) ?? null,
    cluster: cluster === undefined ? null : clusterHash(cluster),
    units: states(units),
    drainedBy: drainedBy(drain),
    addresses: ownAddresses(),
    now: Date.now(),
    disk: { size: blocks * bsize, free: bavail * bsize },
  };
}

function previousRelease(layout: Layout): string | undefined {
  try {
    return kept(layout, 'previous').release;
  } catch {
    return undefined;
  }
}

/** As systemd has them. */
function states(units: readonly string[]): UnitState[] {
  if (units.length === 0) return [];
  const asked = ['show', '--property=Id,ActiveState,SubState,NRestarts', ...units];
  const { stdout } = spawnSync('systemctl', asked, { encoding: 'utf8' });
  return (stdout ?? '')
    .split(/\n\n+/)
    .map((block) => Object.fromEntries(block.split('\n').map((line) => line.split(/=(.*)/s, 2))))
    .filter(({ Id }) => Id !== undefined)
    .map((told) => ({
      unit: String(told.Id),
      active: String(told.ActiveState ?? 'unknown'),
      sub: String(told.SubState ?? ''),
      restarts: Number(told.NRestarts ?? 0),
    }));
}
