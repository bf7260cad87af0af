import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { loadCluster, parseCluster } from '#core/config/cluster.ts';
import { DRAIN_DIRECTORY } from '#core/drain.ts';
import { type Prepared, prepareKafkaNode } from '../kafka/prepare-node.ts';
import { KAFKA_VERSION } from '../kafka/version.ts';
import { activate, foresee } from '../node/activate.ts';
import { drainNode, undrainNode } from '../node/drain.ts';
import { type GateResult, passGate } from '../node/gate.ts';
import { currentGeneration, keep, kept, requireRelease } from '../node/generation.ts';
import { inspectNode } from '../node/inspect.ts';
import { CLUSTER_FILE, nodeLayout } from '../node/layout.ts';
import { Storage } from '../node/storage.ts';
import { systemd } from '../node/systemctl.ts';
import { knowsSyncInterval } from '../render/nats-version.ts';
import { renderNode } from '../render/node.ts';
import { printJson, usage } from './admin-options.ts';
import type { Command, Values } from './command.ts';
import { EXIT } from './exit-codes.ts';

const LAYOUT = nodeLayout();
const PATIENCE_S = 60;
const MAX_PATIENCE_S = 3_600;
const WHO = 'operator';

const ACTIONS: Record<string, (values: Values) => Promise<unknown>> = {
  inspect: async () => ({
    ...inspectNode(LAYOUT, DRAIN_DIRECTORY),
    gate: await gate({ wait: 0 }),
  }),
  stage: async (values) => stage(values),
  activate: async () => activate(LAYOUT, kept(LAYOUT, 'next'), systemd),
  back: async () => activate(LAYOUT, kept(LAYOUT, 'previous'), systemd),
  'foresee-back': async () => foresee(LAYOUT, kept(LAYOUT, 'previous'), systemd),
  drain: async (values) => drainNode(DRAIN_DIRECTORY, who(values), patience(values)),
  undrain: async (values) => undrainNode(DRAIN_DIRECTORY, who(values)),
  gate,
  'prepare-kafka': () => prepareKafka(),
  forget: (values) => new Storage(LAYOUT).forget(needed(values, 'node'), patience(values)),
  backup: (values) => new Storage(LAYOUT).backUp(needed(values, 'directory')),
  restore: (values) =>
    new Storage(LAYOUT).restore(
      needed(values, 'directory'),
      values['replace-all-messages'] === true,
    ),
};

export const nodeCommand: Command = {
  name: 'node',
  summary: 'What the playbooks do on a node itself: stage, activate, go back, drain, inspect',
  positionals: ['ACTION'],
  options: {
    cluster: { type: 'string', value: 'FILE', text: 'of stage: cluster.yaml; - is standard input' },
    node: {
      type: 'string',
      value: 'NAME',
      text: 'of stage: which node (host name); of forget: the one that is gone',
    },
    directory: { type: 'string', value: 'DIR', text: 'of backup: a new one; of restore: that' },
    'replace-all-messages': { type: 'flag', text: 'of restore: what is there now may go' },
    release: {
      type: 'string',
      value: 'NAME',
      text: 'of stage: the release to run, default the same',
    },
    'dry-run': { type: 'flag', text: 'of stage: only say what would change' },
    by: { type: 'string', value: 'WHO', text: `of drain and undrain: in whose name (${WHO})` },
    wait: {
      type: 'number',
      value: 'S',
      min: 0,
      max: MAX_PATIENCE_S,
      text: `of drain, gate and forget: seconds at most (${PATIENCE_S})`,
    },
    partial: { type: 'flag', text: 'of gate: the cluster has no majority yet; services must run' },
  },
  details: `ACTION is one of

  inspect       release, services, addresses, disk and clock of this node
  stage         render the configuration from a cluster.yaml and keep it for activate
  activate      run what was staged; what ran before is kept
  back          run what ran before, release and configuration; twice: forward again
  foresee-back  say what back would change
  drain         take no new work and wait until the clients have gone to other nodes
  undrain       take work again
  gate          wait until this node does what its files say
  prepare-kafka make its directory ready, before it starts for the first time
  forget        another node is gone for good: keep what is stored without it
  backup        copy all that is stored, and the configuration, into a directory
  restore       put such a copy in the place of what is stored; no broker may run meanwhile

Each prints one JSON object, without secrets. Only the owner of the node (root) can do all of it.`,
  examples: [
    { line: 'bramble node inspect', text: 'how does this node stand' },
    { line: 'bramble node drain --wait 30', text: 'before its plug is pulled' },
    { line: 'bramble node back', text: 'what ran before ran better' },
  ],
  async run({ values, positionals }) {
    const name = positionals[0]!;
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (action === undefined) {
      usage(`bramble node: unknown action "${name}"`, `known: ${Object.keys(ACTIONS).join(' ')}`);
    }
    const result = await action(values);
    printJson(result);
    const failed = (result as { ready?: boolean }).ready === false;
    return failed ? EXIT.FAILURE : EXIT.OK;
  },
};

function gate(values: Values): Promise<GateResult> {
  return passGate({
    files: currentGeneration(LAYOUT).files,
    whole: values.partial !== true,
    patience: patience(values),
    drain: DRAIN_DIRECTORY,
    directory: LAYOUT.etc,
  });
}

/** Where a playbook puts Kafka's jars, and where an image has them. */
const KAFKA_LIBS = [`/opt/bramble/kafka/${KAFKA_VERSION}`, '/opt/kafka/libs'];

function prepareKafka(): Promise<Prepared> {
  return prepareKafkaNode({
    cluster: loadCluster(path.join(LAYOUT.etc, CLUSTER_FILE)),
    file: path.join(LAYOUT.etc, 'kafka.properties'),
    log4j: path.join(LAYOUT.etc, 'kafka-log4j2.yaml'),
    libs: KAFKA_LIBS,
  });
}

/** Throws ConfigError, USAGE, STORAGE. */
function stage(values: Values): unknown {
  const from = (values.cluster as string | undefined) ?? path.join(LAYOUT.etc, CLUSTER_FILE);
  const text = readFileSync(from === '-' ? 0 : from, 'utf8');
  const cluster = parseCluster(text, from === '-' ? CLUSTER_FILE : from);
  const release = values.release as string | undefined;
  if (release !== undefined) requireRelease(LAYOUT, release);
  const files = renderNode({
    cluster,
    clusterFile: '/etc/bramble/cluster.yaml',
    name: (values.node as string | undefined) ?? hostname(),
    by: 'bramble render',
    natsSyncInterval: knowsSyncInterval(),
  });
  files.set(CLUSTER_FILE, text);
  const next = { release, files };
  const foreseen = foresee(LAYOUT, next, systemd);
  if (values['dry-run'] !== true) keep(LAYOUT, 'next', next);
  return foreseen;
}

/** Throws USAGE. */
function needed(values: Values, name: 'node' | 'directory'): string {
  const value = values[name] as string | undefined;
  if (value === undefined) usage(`--${name} is missing`, 'see: bramble node --help');
  return value;
}

function who(values: Values): string {
  return (values.by as string | undefined) ?? WHO;
}

function patience(values: Values): number {
  return ((values.wait as number | undefined) ?? PATIENCE_S) * 1_000;
}
