import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { loadCluster } from '#core/config/cluster.ts';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import { knowsSyncInterval } from '../render/nats-version.ts';
import { renderNode } from '../render/node.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

const CLUSTER = '/etc/bramble/cluster.yaml';
const OUT = '/etc/bramble';
/** They hold logins that are derived from the cluster's secret. */
const MODE = 0o640;

export const renderCommand: Command = {
  name: 'render',
  summary: "Write the configuration of one node's services from cluster.yaml",
  positionals: [],
  options: {
    cluster: { type: 'string', value: 'FILE', text: `cluster.yaml, default ${CLUSTER}` },
    node: { type: 'string', value: 'NAME', text: 'which node, default the host name' },
    out: { type: 'string', value: 'DIRECTORY', text: `where to, default ${OUT}` },
    json: { type: 'flag', text: 'one JSON object: {"node":…,"files":[{"file":…,"changed":…}]}' },
  },
  details: `Files that are as they should be are left alone. Those of services that the node does not run
are not written; nothing is taken away.`,
  examples: [
    { line: 'bramble render', text: 'on a node' },
    {
      line: 'bramble render --cluster cluster.yaml --node pi2 --out /tmp/pi2',
      text: 'to see what pi2 would get',
    },
  ],
  async run({ values }) {
    const clusterFile = path.resolve(text(values.cluster) ?? CLUSTER);
    const name = text(values.node) ?? hostname();
    const out = path.resolve(text(values.out) ?? OUT);
    const files = renderNode({
      cluster: loadCluster(clusterFile),
      clusterFile,
      name,
      by: 'bramble render',
      natsSyncInterval: knowsSyncInterval(),
    });
    const written = write(out, files);
    const report = values.json
      ? JSON.stringify({ node: name, files: written })
      : written
          .map(({ file, changed }) => `${changed ? 'written ' : 'the same'} ${file}`)
          .join('\n');
    process.stdout.write(`${report}\n`);
    return EXIT.OK;
  },
};

function text(value: string | number | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Each at once or not at all: a power cut leaves the old file or the new one. Throws STORAGE. */
function write(
  directory: string,
  files: ReadonlyMap<string, string>,
): { file: string; changed: boolean }[] {
  try {
    mkdirSync(directory, { recursive: true });
    return [...files].map(([name, content]) => {
      const file = path.join(directory, name);
      if (current(file) === content) return { file, changed: false };
      const next = `${file}.new`;
      writeFileSync(next, content, { mode: MODE, flush: true });
      renameSync(next, file);
      return { file, changed: true };
    });
  } catch (cause) {
    throw new BrambleError(ERROR_CODES.STORAGE, `${directory}: ${describeError(cause)}`, {
      cause,
      hint: 'name a directory that this user may write, with --out',
    });
  }
}

function current(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
