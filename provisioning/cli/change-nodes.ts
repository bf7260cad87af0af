import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ROLES } from '#core/config/cluster.ts';
import { runOnNodes } from '../apply/run.ts';
import { withAddress, withNode } from '../inventory/edit-nodes.ts';
import { RELEASE_OPTION, releaseVars } from '../inventory/release.ts';
import { CLUSTER_OPTIONS, openWorkspace } from '../inventory/workspace.ts';
import { writeText } from '../node/files.ts';
import { usage } from './admin-options.ts';
import type { Command, Values } from './command.ts';
import { readNodes } from './init.ts';

const OPTIONS = { ...CLUSTER_OPTIONS, ...RELEASE_OPTION } as const;
/** cluster.yaml holds passwords. */
export const PRIVATE = 0o600;

/** Where cluster.yaml is that a command changes. */
export function clusterFile(values: Values): string {
  return path.resolve((values.cluster as string | undefined) ?? 'cluster.yaml');
}

function applyAll(values: Values): Promise<number> {
  const workspace = openWorkspace(values);
  return runOnNodes({
    workspace,
    playbook: 'site',
    vars: releaseVars(values),
    json: values.json === true,
  });
}

export const addNodeCommand: Command = {
  name: 'add-node',
  summary: 'Put one more node into cluster.yaml, and apply that',
  positionals: ['NAME=ADDRESS'],
  options: {
    roles: {
      type: 'string',
      value: 'LIST',
      text: `of ${ROLES.join(', ')}; default balancer,broker`,
    },
    ...OPTIONS,
  },
  details: `The file keeps its comments. If it stops half way, bramble apply goes on. What is stored spreads
to the new node by itself.`,
  examples: [
    { line: 'bramble add-node pi3=192.168.1.13', text: 'a Pi with our image' },
    {
      line: 'bramble add-node pi4=192.168.1.14 --roles balancer',
      text: 'one that takes clients and stores nothing',
    },
  ],
  async run({ values, positionals }) {
    const [node, more] = readNodes(positionals[0]!);
    if (node === undefined || more !== undefined || !positionals[0]!.includes('=')) {
      usage('one node, please', 'write e.g. bramble add-node pi3=192.168.1.13');
    }
    const file = clusterFile(values);
    const roles = (values.roles as string | undefined)?.split(',').map((role) => role.trim());
    writeText(file, withNode(readFileSync(file, 'utf8'), { ...node, roles }), PRIVATE);
    return applyAll(values);
  },
};

export const replaceNodeCommand: Command = {
  name: 'replace-node',
  summary: 'Make another machine what a node was that is gone',
  positionals: ['NODE'],
  options: {
    address: {
      type: 'string',
      value: 'ADDRESS',
      text: 'of the new machine, where it has another one',
    },
    ...OPTIONS,
  },
  details: `The new machine shows another host key than the old one: that key is forgotten here. It gets the
node's name and configuration, and what the others have stored; the others only change where the
address is another one.`,
  examples: [
    { line: 'bramble replace-node pi2', text: 'a new card or board at the same address' },
    { line: 'bramble replace-node pi2 --address 192.168.1.22', text: 'at another one' },
  ],
  async run({ values, positionals }) {
    const name = positionals[0]!;
    const file = clusterFile(values);
    const text = readFileSync(file, 'utf8');
    const address = values.address as string | undefined;
    const { cluster } = openWorkspace(values);
    const before = cluster.nodes.find((node) => node.name === name)?.address;
    if (before === undefined) {
      usage(`cluster.yaml names no node "${name}"`, 'bramble add-node adds one');
    }
    if (address !== undefined) writeText(file, withAddress(text, name, address), PRIVATE);
    spawnSync('ssh-keygen', ['-R', address ?? before], { stdio: 'ignore' });
    return applyAll(values);
  },
};
