import { runOnNodes } from '../apply/run.ts';
import { RELEASE_OPTION, releaseVars } from '../inventory/release.ts';
import {
  CLUSTER_OPTIONS,
  chosenNodes,
  NODES_OPTION,
  openWorkspace,
} from '../inventory/workspace.ts';
import { usage } from './admin-options.ts';
import type { Command, OptionSpec, Values } from './command.ts';

const PATIENCE_S = 180;
const PATIENCE_MAX_S = 3_600;

const OPTIONS = {
  ...CLUSTER_OPTIONS,
  ...NODES_OPTION,
  patience: {
    type: 'number',
    value: 'S',
    min: 5,
    max: PATIENCE_MAX_S,
    text: `seconds that a node gets until it serves (${PATIENCE_S})`,
  },
} as const satisfies Record<string, OptionSpec>;

interface Playing {
  playbook: string;
  vars?: Record<string, string>;
  limit?: string | undefined;
}

function play(values: Values, { playbook, vars = {}, limit }: Playing): Promise<number> {
  const workspace = openWorkspace(values);
  const names = chosenNodes(workspace, limit ?? (values.nodes as string | undefined));
  const patience = values.patience as number | undefined;
  return runOnNodes({
    workspace,
    playbook,
    vars: { ...vars, ...(patience === undefined ? {} : { bramble_gate_wait: String(patience) }) },
    limit: names,
    json: values.json === true,
  });
}

export const applyCommand: Command = {
  name: 'apply',
  summary: 'Make the nodes what cluster.yaml says, one at a time',
  positionals: [],
  options: { ...OPTIONS, ...RELEASE_OPTION },
  details: `First all nodes are looked at: one that cannot be reached, has no room or a wrong clock stops
it before anything is touched. Then everything is prepared beside what runs. Then one node after
the other: its clients go to the others, it is changed, it must serve again, its clients come back.
A node that does not serve gets back what it had, its logs are kept here, and nothing more happens.

Interrupted or failed, the same line again goes on from there. It prints the ansible-playbook line
that it runs, which does the same by hand.`,
  examples: [
    { line: 'bramble apply', text: 'the cluster.yaml of this folder, on nodes with our image' },
    {
      line: 'bramble apply --user pi --release image/out/release/bramble-0.1.0-0123456789ab',
      text: 'on Raspberry Pi OS, where nothing of ours is installed yet',
    },
  ],
  run: ({ values }) => play(values, { playbook: 'site', vars: releaseVars(values) }),
};

export const upgradeCommand: Command = {
  name: 'upgrade',
  summary: 'Run another release on every node, one at a time',
  positionals: ['RELEASE'],
  options: OPTIONS,
  details: 'RELEASE is the directory that make release built. bramble rollback takes it back.',
  examples: [
    {
      line: 'bramble upgrade image/out/release/bramble-0.1.0-0123456789ab',
      text: 'one node after the other; the first that does not serve stops it',
    },
  ],
  run: ({ values, positionals }) =>
    play(values, { playbook: 'upgrade', vars: releaseVars({ release: positionals[0] }) }),
};

export const rollbackCommand: Command = {
  name: 'rollback',
  summary: 'Run what ran before, release and configuration, one node at a time',
  positionals: [],
  options: OPTIONS,
  details: 'Takes seconds a node: everything is still there. A second time goes forward again.',
  examples: [
    { line: 'bramble rollback', text: 'everywhere' },
    { line: 'bramble rollback --nodes pi3', text: 'on one node only' },
  ],
  run: ({ values }) => play(values, { playbook: 'rollback' }),
};

export const drainCommand: Command = {
  name: 'drain',
  summary: "Send a node's clients to the others and give it no new ones",
  positionals: ['NODE'],
  options: CLUSTER_OPTIONS,
  details: 'It stays so until bramble undrain, or until the node is restarted.',
  examples: [{ line: 'bramble drain pi2', text: 'before its plug is pulled' }],
  run: ({ values, positionals }) => play(values, { playbook: 'drain', limit: positionals[0] }),
};

export const undrainCommand: Command = {
  name: 'undrain',
  summary: 'Give a drained node clients again',
  positionals: ['NODE'],
  options: CLUSTER_OPTIONS,
  examples: [{ line: 'bramble undrain pi2', text: 'when it is back' }],
  run: ({ values, positionals }) => play(values, { playbook: 'undrain', limit: positionals[0] }),
};

const SURE = 'yes, delete all messages';

export const resetCommand: Command = {
  name: 'reset',
  summary: 'Take Bramble off nodes: configuration, messages and sessions',
  positionals: ['NODE'],
  options: {
    ...CLUSTER_OPTIONS,
    'delete-all-messages': { type: 'flag', text: 'nothing happens without it' },
  },
  details: 'NODE is one node, or several with commas between. Packages and releases stay.',
  examples: [
    { line: 'bramble reset pi3 --delete-all-messages', text: 'a node that leaves for good' },
  ],
  async run({ values, positionals }) {
    if (values['delete-all-messages'] !== true) {
      usage(
        `this deletes all messages and sessions on ${positionals[0]}`,
        'add --delete-all-messages to do it',
      );
    }
    return play(values, {
      playbook: 'reset',
      vars: { bramble_reset: SURE },
      limit: positionals[0],
    });
  },
};
