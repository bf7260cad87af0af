import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type ClusterConfig, loadCluster, parseCluster } from '#core/config/cluster.ts';
import { devPorts } from '#core/contracts/ports.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { renderAll } from '../render/all.ts';
import type { Plan } from '../render/plan.ts';
import {
  type ClusterFile,
  type FileChanges,
  HOST,
  ownClusterFile,
  withChanges,
} from './cluster-file.ts';
import { type DataDir, guard, writePrivate } from './data-dir.ts';
import type { NatsProgram } from './nats-program.ts';
import type { DevOptions } from './options.ts';

const MAX_PORT = 65_535;

export interface Prepared {
  plan: Plan;
  note: string | undefined;
}

/** From the options and cluster.yaml to a plan. Writes at most cluster.yaml. */
export function preparePlan(options: DevOptions, data: DataDir, nats: NatsProgram): Prepared {
  const { file, cluster: written, note } = clusterFile(options, data);
  let cluster = written;
  const brokers = cluster.nodes.filter(({ roles }) => roles.includes('broker'));
  if (brokers.length === 0) {
    throw new BrambleError(ERROR_CODES.CONFIG_INVALID, `${file}: no node has the role broker`);
  }
  const ports = devPorts(brokers.length, options.basePort);
  if (ports.nodes.at(-1)!.natsMonitor > MAX_PORT) {
    throw new BrambleError(ERROR_CODES.USAGE, '--base-port: the ports would go beyond 65535', {
      hint: `choose a base of at most ${options.basePort! - (ports.nodes.at(-1)!.natsMonitor - MAX_PORT)}`,
    });
  }
  const nodes = brokers.map(({ name }, index) => ({
    name,
    number: index + 1,
    host: HOST,
    ports: ports.nodes[index]!,
    store: data.store(brokers.length, index + 1),
    pidFile: data.rendered(`nats-${index + 1}.pid`),
    drain: data.rendered(`drain-${index + 1}`),
  }));
  const changes = {
    anonymous: options.anonymous && !cluster.mqtt.anonymous,
    kafka: options.kafka ? `${HOST}:${ports.kafka.clients}` : undefined,
  };
  const changed = changes.anonymous || changes.kafka !== undefined;
  const own = data.rendered('cluster.yaml');
  if (changed) cluster = writeChanged(own, file, changes);
  const plan: Plan = {
    cluster,
    clusterFile: changed ? own : file,
    by: 'bramble dev',
    host: HOST,
    publicHost: HOST,
    trusted: [HOST],
    ports,
    nodes,
    natsSyncInterval: nats.syncInterval,
    openStats: options.anonymous,
    ...(options.kafka ? { kafka: { data: data.kafka } } : {}),
  };
  return { plan, note };
}

function clusterFile({ config, nodes }: DevOptions, data: DataDir): ClusterFile {
  if (config === undefined) return ownClusterFile(data.clusterFile, nodes);
  const file = path.resolve(config);
  const cluster: ClusterConfig = loadCluster(file);
  if (nodes !== undefined && nodes !== cluster.nodes.length) {
    const message = `--nodes ${nodes}, but ${config} names ${cluster.nodes.length}`;
    throw new BrambleError(ERROR_CODES.USAGE, message, { hint: 'leave --nodes out' });
  }
  return { file, cluster, note: undefined };
}

function writeChanged(file: string, source: string, changes: FileChanges): ClusterConfig {
  const original = guard(source, () => readFileSync(source, 'utf8'));
  const text = withChanges(original, path.dirname(source), changes);
  const cluster = parseCluster(text, file);
  const what = [
    ...(changes.anonymous ? ['mqtt.anonymous on (--anonymous)'] : []),
    ...(changes.kafka === undefined ? [] : ['the Kafka of this machine (--kafka)']),
  ].join(' and ');
  writePrivate(
    file,
    `# ${source} with ${what}.\n# Written anew at every start: change that file instead.\n\n${text}`,
  );
  return cluster;
}

/** Writes every rendered file. Throws STORAGE. */
export function writeRendered(plan: Plan, data: DataDir): void {
  for (const [name, text] of renderAll(plan)) writePrivate(data.rendered(name), text);
}
