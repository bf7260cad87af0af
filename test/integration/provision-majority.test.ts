import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { findProgram } from '../../provisioning/dev/find-program.ts';
import { CHECKOUT } from '../support/dev.ts';

const PATIENCE = 300_000;
const BROKERS = ['b1', 'b2', 'b3'];
const KAFKAS = ['k1', 'k2', 'k3'];
const KAFKA = ['bramble-kafka.service'];
const BROKER = ['bramble-broker.service'];

interface Change {
  of: string;
  /** Services that end meanwhile. */
  restart: string[];
  /** Nodes that do not serve before. */
  down: string[];
  /** Who would be too few; undefined: it goes on. */
  refused?: string;
}

const CHANGES: Change[] = [
  { of: 'b1', restart: BROKER, down: [] },
  { of: 'b1', restart: BROKER, down: ['b2'], refused: 'only b3 would serve' },
  { of: 'b1', restart: BROKER, down: KAFKAS },
  { of: 'k1', restart: KAFKA, down: ['b2'] },
  { of: 'k1', restart: KAFKA, down: ['k3'], refused: 'only k2 would serve' },
  { of: 'k1', restart: ['bramble-watchdog.service'], down: ['k3'] },
  // What does not serve is mended, and so is what has no majority any more.
  { of: 'k3', restart: KAFKA, down: ['k3'] },
  { of: 'k1', restart: KAFKA, down: ['k2', 'k3'] },
];

/** A play that asks what the playbooks ask before they touch a node. */
function play({ of, restart, down }: Change, index: number): object {
  const said = (what: string) => ({ 'ansible.builtin.debug': { msg: `CASE ${index}: ${what}.` } });
  return {
    hosts: 'bramble',
    gather_facts: false,
    tasks: [
      {
        'ansible.builtin.set_fact': {
          bramble_serves: `{{ inventory_hostname not in ${JSON.stringify(down)} }}`,
          bramble_stage: { changed: true, work: { restart, stop: [], start: [], reload: [] } },
        },
      },
      {
        when: `inventory_hostname == '${of}'`,
        block: [
          { 'ansible.builtin.include_role': { name: 'bramble', tasks_from: 'can-change' } },
          said('goes on'),
        ],
        rescue: [said('{{ ansible_failed_result.msg }}')],
      },
    ],
  };
}

test.runIf(findProgram('ansible-playbook'))(
  'a node is changed only where the others of its kind are a majority',
  async () => {
    const work = await mkdtemp(path.join(tmpdir(), 'bramble-majority-'));
    try {
      const hosts = (names: string[]) => ({ hosts: Object.fromEntries(names.map((n) => [n, {}])) });
      const children = { brokers: hosts(BROKERS), kafka: hosts(KAFKAS) };
      const inventory = { all: { vars: { ansible_connection: 'local' } }, bramble: { children } };
      const [file, plays] = [path.join(work, 'inventory.yaml'), path.join(work, 'play.yaml')];
      await writeFile(file, JSON.stringify(inventory));
      await writeFile(plays, JSON.stringify(CHANGES.map(play)));
      const ansible = path.join(CHECKOUT, 'ansible');
      const { stdout, stderr } = spawnSync('ansible-playbook', ['-i', file, plays], {
        cwd: ansible,
        encoding: 'utf8',
        env: { ...process.env, ANSIBLE_ROLES_PATH: path.join(ansible, 'roles') },
      });
      for (const [index, change] of CHANGES.entries()) {
        const said = new RegExp(`CASE ${index}: (.*?would serve|goes on)`).exec(stdout)?.[1];
        expect(said, JSON.stringify(change) + stdout + stderr).toBe(change.refused ?? 'goes on');
      }
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  },
  PATIENCE,
);
