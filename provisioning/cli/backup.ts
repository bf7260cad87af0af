import { existsSync } from 'node:fs';
import path from 'node:path';
import { runOnNodes } from '../apply/run.ts';
import { CLUSTER_OPTIONS, openWorkspace } from '../inventory/workspace.ts';
import { readManifest } from '../streams/manifest.ts';
import { print, usage } from './admin-options.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

const TIMESTAMP_LENGTH = 15;

/** 20261122-013000: sorted by name is sorted by time. */
function timestamp(now: Date): string {
  return now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, TIMESTAMP_LENGTH);
}

export const backupCommand: Command = {
  name: 'backup',
  summary: 'Copy messages, sessions, configuration and secrets to this machine',
  positionals: ['[DIR]'],
  options: {
    ...CLUSTER_OPTIONS,
    restic: {
      type: 'string',
      value: 'REPO',
      text: 'a restic repository that gets it, too; RESTIC_PASSWORD_FILE has its password',
    },
  },
  details: `The cluster works meanwhile. Without DIR it is a new directory beside cluster.yaml, in
.bramble. Everything is compared with its sum, and the directory is for you alone: it holds the
passwords of cluster.yaml. With restic it is also encrypted, kept once however often it is backed
up, and may lie elsewhere; "restic init" makes such a repository, and
"restic restore latest --tag bramble --target DIR" brings the newest one back for bramble restore.`,
  examples: [
    { line: 'bramble backup', text: 'every night, from cron' },
    { line: 'bramble backup --restic sftp:nas:/backups/bramble', text: 'and on another machine' },
  ],
  async run({ values, positionals }) {
    const workspace = openWorkspace(values);
    const directory = path.resolve(
      positionals[0] ?? path.join(workspace.directory, 'backups', timestamp(new Date())),
    );
    if (existsSync(directory)) usage(`${directory} is there already`, 'name a new directory');
    const restic = values.restic as string | undefined;
    const code = await runOnNodes({
      workspace,
      playbook: 'backup',
      vars: {
        bramble_backup_dir: directory,
        ...(restic === undefined ? {} : { bramble_restic: restic }),
      },
      json: values.json === true,
    });
    if (code !== EXIT.OK) return code;
    const { streams, files } = await readManifest(directory);
    const records = streams.reduce((sum, { state }) => sum + state.messages, 0);
    if (values.json === true) print(`${JSON.stringify({ event: 'backup', directory, records })}\n`);
    else print(`${directory}: ${records} records, ${files.map(({ file }) => file).join(', ')}\n`);
    return EXIT.OK;
  },
};

export const restoreCommand: Command = {
  name: 'restore',
  summary: 'Put a backup in the place of what the cluster stores',
  positionals: ['DIR'],
  options: {
    ...CLUSTER_OPTIONS,
    'replace-all-messages': {
      type: 'flag',
      text: 'messages and sessions that are there now may go; refused without it',
    },
  },
  details: `The nodes must run already: DIR has the cluster.yaml of then, for bramble apply. The number
of nodes may be another one. Brokers stand still for as long as it takes; every file is compared
with its sum before anything is deleted.`,
  examples: [
    {
      line: 'bramble restore .bramble/cluster-home/backups/20261122-030000',
      text: 'onto a new cluster, which is empty',
    },
  ],
  async run({ values, positionals }) {
    const directory = path.resolve(positionals[0]!);
    const { streams, at } = await readManifest(directory);
    const code = await runOnNodes({
      workspace: openWorkspace(values),
      playbook: 'restore',
      vars: {
        bramble_backup_dir: directory,
        ...(values['replace-all-messages'] === true ? { bramble_replace: 'true' } : {}),
      },
      json: values.json === true,
    });
    const records = streams.reduce((sum, { state }) => sum + state.messages, 0);
    if (code === EXIT.OK && values.json !== true) print(`${records} records as of ${at}\n`);
    return code;
  },
};
