import { rmSync } from 'node:fs';
import path from 'node:path';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { pointTo, readText, writeText } from './files.ts';
import {
  type Changes,
  compareGenerations,
  currentGeneration,
  type Generation,
  keep,
  nothing,
} from './generation.ts';
import type { Layout } from './layout.ts';
import type { ServiceManager } from './systemctl.ts';
import { changedUnits, linkRelease, servingUnits, type Work, workFor } from './units.ts';

export interface Activation extends Changes {
  changed: boolean;
  work: Work;
}

/**
 * Makes the node run a generation: keeps the one that runs, puts the files in place and the link
 * on the release, and tells the services that are concerned. Does nothing where nothing differs and
 * all services run. Interrupted at any point, a second time finishes it.
 */
export function activate(layout: Layout, to: Generation, manager: ServiceManager): Activation {
  const from = currentGeneration(layout);
  const release = to.release ?? from.release;
  if (release === undefined) {
    throw new BrambleError(ERROR_CODES.STORAGE, 'no release is installed on this node', {
      hint: 'name one: bramble apply --release DIRECTORY',
    });
  }
  const changes = compareGenerations(from, { ...to, release });
  const pending = withPending(layout, from.release, changes);
  if (!nothing(changes)) {
    writeText(path.join(layout.generations, PENDING), `${JSON.stringify(pending)}\n`, 0o600);
    // The very first one has nothing to go back to.
    if (from.release !== undefined && from.files.size > 0) keep(layout, 'previous', from);
    for (const [name, text] of to.files) {
      if (from.files.get(name) !== text) writeText(path.join(layout.etc, name), text);
    }
    for (const name of from.files.keys()) {
      if (!to.files.has(name)) rmSync(path.join(layout.etc, name), { force: true });
    }
    if (changes.release !== null) pointTo(layout.current, `releases/${release}`);
  }
  const linked = linkRelease(layout, release);
  if (linked || changes.release !== null) manager.daemonReload();
  const work = workOf(layout, to, { pending, release, manager });
  manager.ask('stop', work.stop);
  manager.ask('restart', work.restart);
  manager.ask('reload', work.reload);
  manager.ask('start', [...work.start, 'bramble.target']);
  rmSync(path.join(layout.generations, PENDING), { force: true });
  const changed =
    linked || !nothing(changes) || Object.values(work).some((units) => units.length > 0);
  return { ...changes, changed, work };
}

/** What services may not have been told yet, since the power went in between. */
interface Pending {
  from: string | null;
  files: string[];
}

const PENDING = 'pending.json';

function withPending(layout: Layout, from: string | undefined, changes: Changes): Pending {
  const files = changes.files.map(({ file }) => path.basename(file));
  const text = readText(path.join(layout.generations, PENDING));
  if (text === undefined) return { from: from ?? null, files };
  try {
    const before = JSON.parse(text) as Pending;
    return { from: before.from, files: [...new Set([...before.files, ...files])] };
  } catch {
    // Not whole: everything may have changed.
    return { from: null, files: [...currentGeneration(layout).files.keys(), ...files] };
  }
}

interface WorkContext {
  pending: Pending;
  release: string;
  manager: ServiceManager;
}

function workOf(layout: Layout, to: Generation, { pending, release, manager }: WorkContext): Work {
  return workFor({
    services: servingUnits(layout, release),
    changed: new Set(pending.files),
    present: new Set(to.files.keys()),
    newRelease: pending.from !== release,
    changedUnits:
      pending.from === release
        ? new Set()
        : changedUnits(layout, pending.from ?? undefined, release),
    isActive: (service) => manager.isActive(service),
  });
}

/** What activate would do; touches nothing. */
export function foresee(layout: Layout, to: Generation, manager: ServiceManager): Activation {
  const from = currentGeneration(layout);
  const release = to.release ?? from.release;
  const changes = compareGenerations(from, { ...to, release });
  const none: Work = { start: [], restart: [], reload: [], stop: [] };
  const pending = withPending(layout, from.release, changes);
  const work = release === undefined ? none : workOf(layout, to, { pending, release, manager });
  const changed = !nothing(changes) || Object.values(work).some((units) => units.length > 0);
  return { ...changes, changed, work };
}
