import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { activate, foresee } from '../../../../provisioning/node/activate.ts';
import {
  currentGeneration,
  type Generation,
  keep,
  kept,
  requireRelease,
} from '../../../../provisioning/node/generation.ts';
import { type Layout, nodeLayout } from '../../../../provisioning/node/layout.ts';
import type { ServiceManager } from '../../../../provisioning/node/systemctl.ts';

const UNIT = '[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=bramble.target\n';
const rendered = (text: string) =>
  `# A file\n# Rendered by bramble render from /etc/bramble/cluster.yaml.\n${text}\n`;

let root = '';
let layout: Layout;
let said: string[] = [];
let active = new Set<string>();
const manager: ServiceManager = {
  isActive: (unit) => active.has(unit),
  daemonReload: () => said.push('daemon-reload'),
  ask(verb, units) {
    if (units.length === 0) return;
    said.push(
      `${verb} ${units.map((unit) => unit.replace(/^bramble-|\.service$/g, '')).join(' ')}`,
    );
    for (const unit of units) verb === 'stop' ? active.delete(unit) : active.add(unit);
  },
};

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'bramble-node-'));
  layout = nodeLayout(root);
  [said, active] = [[], new Set()];
  release('bramble-1', {});
});
afterEach(() => rmSync(root, { recursive: true }));

function release(name: string, units: Record<string, string>): void {
  const services = path.join(layout.releases, name, 'services');
  for (const service of ['nats', 'broker', 'balancer', 'bridge', 'stats']) {
    mkdirSync(path.join(services, service), { recursive: true });
    writeFileSync(
      path.join(services, service, `bramble-${service}.service`),
      units[service] ?? UNIT,
    );
  }
  mkdirSync(path.join(services, 'core'));
  writeFileSync(
    path.join(services, 'core/bramble.target'),
    '[Install]\nWantedBy=multi-user.target\n',
  );
  mkdirSync(path.join(layout.releases, name, 'bin'));
  writeFileSync(path.join(layout.releases, name, 'bin/bramble'), '');
  writeFileSync(path.join(layout.releases, name, 'RELEASE'), name);
}

function generation(release: string | undefined, changes: Record<string, string> = {}): Generation {
  const files = {
    'nats.conf': 'n',
    'broker.yaml': 'b',
    'balancer.cfg': 'c',
    'stats.yaml': 's',
    ...changes,
  };
  return {
    release,
    files: new Map([
      ['cluster.yaml', changes['cluster.yaml'] ?? 'cluster'],
      ...Object.entries(files)
        .filter(([name]) => name !== 'cluster.yaml')
        .map(([name, text]): [string, string] => [name, rendered(text)]),
    ]),
  };
}

const inEtc = (name: string) => readFileSync(path.join(layout.etc, name), 'utf8');

describe('activate', () => {
  test('a bare node: files, links and services; a second time nothing', () => {
    expect(() => activate(layout, generation(undefined), manager)).toThrow(
      'no release is installed',
    );
    const first = activate(layout, generation('bramble-1'), manager);
    expect(first).toMatchObject({ changed: true, release: { from: null, to: 'bramble-1' } });
    expect(said).toEqual(['daemon-reload', 'start balancer broker nats stats bramble.target']);
    expect(readlinkSync(layout.current)).toBe('releases/bramble-1');
    expect(readlinkSync(path.join(layout.units, 'bramble-broker.service'))).toBe(
      '/opt/bramble/current/services/broker/bramble-broker.service',
    );
    expect(readlinkSync(path.join(layout.units, 'multi-user.target.wants/bramble.target'))).toBe(
      '/opt/bramble/current/services/core/bramble.target',
    );
    expect(readlinkSync(path.join(layout.commands, 'bramble'))).toBe(
      '/opt/bramble/current/bin/bramble',
    );
    expect(statSync(path.join(layout.etc, 'cluster.yaml')).mode & 0o777).toBe(0o640);
    said = [];
    expect(activate(layout, generation('bramble-1'), manager)).toMatchObject({
      changed: false,
      release: null,
      files: [],
    });
    expect(said).toEqual(['start bramble.target']);
  });

  test.each([
    ['cluster.yaml', 'reload broker stats'],
    ['balancer.cfg', 'reload balancer'],
    ['nats.conf', 'restart nats'],
    ['broker.yaml', 'restart broker'],
  ])('another %s: %s', (file, expected) => {
    activate(layout, generation('bramble-1'), manager);
    said = [];
    const done = activate(layout, generation(undefined, { [file]: 'other' }), manager);
    expect(said).toEqual([expected, 'start bramble.target']);
    expect(done.files.map(({ file: name, what }) => [path.basename(name), what])).toEqual([
      [file, 'changed'],
    ]);
  });

  test('another release: all of ours anew, nats-server only where its unit is another one', () => {
    activate(layout, generation('bramble-1'), manager);
    release('bramble-2', {});
    said = [];
    activate(layout, generation('bramble-2'), manager);
    expect(said).toEqual([
      'daemon-reload',
      'restart balancer broker stats',
      'start bramble.target',
    ]);
    release('bramble-3', { nats: `# other\n${UNIT}` });
    said = [];
    activate(layout, generation('bramble-3'), manager);
    expect(said[1]).toBe('restart balancer broker nats stats');
  });

  test('a service whose file goes is stopped; files that are the owner’s stay', () => {
    activate(layout, generation('bramble-1', { 'bridge.yaml': 'x' }), manager);
    writeFileSync(path.join(layout.etc, 'extra.cfg'), '# my own\n');
    said = [];
    activate(layout, generation('bramble-1'), manager);
    expect(said).toEqual(['stop bridge', 'start bramble.target']);
    expect(readdirSync(layout.etc)).not.toContain('bridge.yaml');
    expect(inEtc('extra.cfg')).toBe('# my own\n');
  });

  test('back, and forward again', () => {
    activate(layout, generation('bramble-1'), manager);
    expect(() => kept(layout, 'previous')).toThrow('there is no previous');
    release('bramble-2', {});
    activate(
      layout,
      generation('bramble-2', { 'broker.yaml': 'new', 'bridge.yaml': 'x' }),
      manager,
    );
    const before = kept(layout, 'previous');
    expect(foresee(layout, before, manager)).toMatchObject({
      release: { from: 'bramble-2', to: 'bramble-1' },
    });
    activate(layout, before, manager);
    expect(readlinkSync(layout.current)).toBe('releases/bramble-1');
    expect(inEtc('broker.yaml')).toBe(rendered('b'));
    expect(readdirSync(layout.etc)).not.toContain('bridge.yaml');
    activate(layout, kept(layout, 'previous'), manager);
    expect(readlinkSync(layout.current)).toBe('releases/bramble-2');
    expect(inEtc('broker.yaml')).toBe(rendered('new'));
  });

  test('power that goes between the files and the services: the next time tells them', () => {
    activate(layout, generation('bramble-1'), manager);
    release('bramble-2', {});
    const dying: ServiceManager = {
      ...manager,
      daemonReload: () => {
        throw new Error('power');
      },
    };
    const next = generation('bramble-2', { 'nats.conf': 'other' });
    expect(() => activate(layout, next, dying)).toThrow('power');
    said = [];
    expect(activate(layout, next, manager)).toMatchObject({ changed: true });
    expect(said).toContain('restart balancer broker nats stats');
    said = [];
    expect(activate(layout, next, manager)).toMatchObject({ changed: false });
  });
});

test('what is kept is private and comes back as it was', () => {
  const one = generation('bramble-1', { 'bridge.yaml': 'ü' });
  keep(layout, 'next', one);
  expect(kept(layout, 'next')).toEqual(one);
  keep(layout, 'next', generation('bramble-1'));
  expect([...kept(layout, 'next').files.keys()]).not.toContain('bridge.yaml');
  const file = path.join(layout.generations, 'next/etc/cluster.yaml');
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('names of releases do not lead elsewhere', () => {
  for (const name of ['../x', 'bramble-../../etc', '/etc', '']) {
    expect(() => requireRelease(layout, name)).toThrow('no name of a release');
  }
  expect(() => requireRelease(layout, 'bramble-9')).toThrow(
    expect.objectContaining({ hint: 'there are: bramble-1' }),
  );
  expect(currentGeneration(layout)).toEqual({ release: undefined, files: new Map() });
});
