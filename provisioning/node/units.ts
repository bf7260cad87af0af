import { readdirSync } from 'node:fs';
import path from 'node:path';
import { listed, pointTo, readText } from './files.ts';
import type { Layout } from './layout.ts';

const UNIT = /^bramble[a-z-]*\.(service|target|timer)$/;

/** What each service reads; a file that it does not have here it does not run with. */
const READS: Readonly<Record<string, readonly string[]>> = {
  'bramble-nats.service': ['nats.conf', 'routes.pem', 'routes-authority.pem'],
  'bramble-broker.service': ['broker.yaml', 'cluster.yaml'],
  'bramble-balancer.service': ['balancer.cfg'],
  'bramble-bridge.service': ['bridge.yaml', 'cluster.yaml', 'kafka-authority.pem'],
  'bramble-kafka.service': [
    ...['kafka.properties', 'kafka.env', 'kafka-log4j2.yaml'],
    ...['kafka.pem', 'kafka-authority.pem'],
  ],
  'bramble-stats.service': ['stats.yaml', 'cluster.yaml'],
  'bramble-watchdog.service': ['watchdog.yaml'],
  'bramble-vip.service': ['vip.yaml'],
  'bramble-keepalived.service': ['keepalived.conf'],
};

/** What a service takes without ending: it reads that file again when it is told to. */
const READS_AGAIN: ReadonlySet<string> = new Set([
  'bramble-broker.service cluster.yaml',
  'bramble-bridge.service cluster.yaml',
  'bramble-stats.service cluster.yaml',
  'bramble-balancer.service balancer.cfg',
  'bramble-keepalived.service keepalived.conf',
]);

/** Programs of the system, which a release changes only where it changes their unit. */
const SYSTEMS_OWN: ReadonlySet<string> = new Set([
  'bramble-nats.service',
  'bramble-kafka.service',
  'bramble-keepalived.service',
]);

export interface Work {
  start: string[];
  restart: string[];
  reload: string[];
  stop: string[];
}

export interface WorkOptions {
  /** Services that the release has. */
  services: readonly string[];
  /** Names of the files of /etc/bramble that change. */
  changed: ReadonlySet<string>;
  /** Those that are there afterwards. */
  present: ReadonlySet<string>;
  /** Another release runs afterwards. */
  newRelease: boolean;
  /** Services whose unit is another one afterwards. */
  changedUnits: ReadonlySet<string>;
  isActive: (service: string) => boolean;
}

/** What is to be done with each service so that it runs with what it now finds. */
export function workFor(options: WorkOptions): Work {
  const { services, changed, present, newRelease, changedUnits, isActive } = options;
  const work: Work = { start: [], restart: [], reload: [], stop: [] };
  for (const service of services) {
    const files = READS[service] ?? [];
    const own = files[0];
    const active = isActive(service);
    if (own !== undefined && !present.has(own)) {
      if (active) work.stop.push(service);
      continue;
    }
    if (!active) {
      work.start.push(service);
      continue;
    }
    const touched = files.filter((file) => changed.has(file));
    const ends =
      changedUnits.has(service) ||
      (newRelease && !SYSTEMS_OWN.has(service)) ||
      touched.some((file) => !READS_AGAIN.has(`${service} ${file}`));
    if (ends) work.restart.push(service);
    else if (touched.length > 0) work.reload.push(service);
  }
  return work;
}

/** Unit files of a release, relative to it, by name. */
export function releaseUnits(layout: Layout, release: string): Map<string, string> {
  const services = path.join(layout.releases, release, 'services');
  let files: string[] = [];
  try {
    files = readdirSync(services, { recursive: true }) as string[];
  } catch {
    // A release without units: nothing to link.
  }
  return new Map(
    files
      .map((file) => file.split(path.sep).join('/'))
      .filter((file) => UNIT.test(path.posix.basename(file)))
      .sort()
      .map((file) => [path.posix.basename(file), `services/${file}`]),
  );
}

/** Services of a release whose unit file differs from the one in another. */
export function changedUnits(layout: Layout, from: string | undefined, to: string): Set<string> {
  const text = (release: string, file: string) =>
    readText(path.join(layout.releases, release, file));
  const before = from === undefined ? new Map<string, string>() : releaseUnits(layout, from);
  return new Set(
    [...releaseUnits(layout, to)]
      .filter(([unit, file]) => {
        const old = before.get(unit);
        return old === undefined || from === undefined || text(from, old) !== text(to, file);
      })
      .map(([unit]) => unit),
  );
}

/**
 * Makes the units and commands of a release known to the system, as links into /opt/bramble/current
 * so that another release brings its own. On the image all of them are there from the start.
 */
export function linkRelease(layout: Layout, release: string): boolean {
  let linked = false;
  const link = (file: string, target: string): void => {
    if (listed(path.dirname(file)).includes(path.basename(file))) return;
    pointTo(file, target);
    linked = true;
  };
  for (const [unit, file] of releaseUnits(layout, release)) {
    const target = `/opt/bramble/current/${file}`;
    if (!listed(layout.systemUnits).includes(unit)) link(path.join(layout.units, unit), target);
    const text = readText(path.join(layout.releases, release, file)) ?? '';
    for (const wanting of wantedBy(text)) {
      const wants = `${wanting}.wants`;
      if (listed(path.join(layout.systemUnits, wants)).includes(unit)) continue;
      link(path.join(layout.units, wants, unit), target);
    }
  }
  for (const command of listed(path.join(layout.releases, release, 'bin'))) {
    link(path.join(layout.commands, command), `/opt/bramble/current/bin/${command}`);
  }
  return linked;
}

/** Services of a release that are part of what a node serves, and not of how it starts. */
export function servingUnits(layout: Layout, release: string): string[] {
  return [...releaseUnits(layout, release)]
    .filter(([unit]) => unit.endsWith('.service'))
    .filter(([, file]) => {
      const text = readText(path.join(layout.releases, release, file)) ?? '';
      return wantedBy(text).includes('bramble.target');
    })
    .map(([unit]) => unit);
}

/** What a unit's `[Install]` section has it started by. */
function wantedBy(unit: string): string[] {
  return [...unit.matchAll(/^WantedBy=(.*)$/gm)].flatMap(([, names]) =>
    (names ?? '').split(/\s+/).filter((name) => name !== ''),
  );
}
