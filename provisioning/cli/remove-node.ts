import { readFileSync, renameSync } from 'node:fs';
import { runOnNodes } from '../apply/run.ts';
import { leaveCluster } from '../inventory/leave.ts';
import { CLUSTER_OPTIONS, openWorkspace } from '../inventory/workspace.ts';
import { writeText } from '../node/files.ts';
import { clusterFile, PRIVATE } from './change-nodes.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

export const removeNodeCommand: Command = {
  name: 'remove-node',
  summary: 'Take a node out of the cluster for good; it may be dead',
  positionals: ['NODE'],
  options: CLUSTER_OPTIONS,
  details: `The other nodes are told first, its clients go to them, and what it stored is kept whole on
them: nothing is taken off it before that. cluster.yaml is changed when all is done, so that the
same line again goes on where one was interrupted. A node that is dead is passed over; should it
come back, bramble reset takes off it what it still has. Needs nats-server 2.10 or later, as our
image and Debian 13 have it. Of two brokers neither can leave: one of two is no majority. For a
cluster of one there are backup, reset, apply and restore.`,
  examples: [{ line: 'bramble remove-node pi3', text: 'it does something else from now on' }],
  async run({ values, positionals }) {
    const name = positionals[0]!;
    const json = values.json === true;
    const file = clusterFile(values);
    // What is wrong with it now is told with its own lines.
    openWorkspace(values);
    const { text, leaving, warnings } = leaveCluster(readFileSync(file, 'utf8'), name);
    for (const what of warnings) {
      if (json) process.stdout.write(`${JSON.stringify({ event: 'warning', what })}\n`);
      else process.stderr.write(`warning: ${what}\n`);
    }
    const next = `${file}.without-${name}`;
    writeText(next, text, PRIVATE);
    const code = await runOnNodes({
      workspace: openWorkspace({ ...values, cluster: next }, [leaving]),
      playbook: 'remove-node',
      json,
    });
    if (code !== EXIT.OK) return code;
    renameSync(next, file);
    openWorkspace(values);
    return code;
  },
};
