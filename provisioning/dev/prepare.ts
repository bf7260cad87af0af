import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type ClusterConfig, loadCluster, parseCluster } from '#core/config/cluster.ts';
import { devPorts } from '#core/contracts/ports.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { renderAll } from '../render/all.ts';
import type { Plan } from '../render/plan.ts';
import { type ClusterFile, HOST, ownClusterFile, withAnonymous } from './cluster-file.ts';
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
  const { file, cluster, note } = clusterFile(options, data);
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
  const anonymous = options.anonymous && !cluster.mqtt.anonymous;
  const nodes = brokers.map(({ name }, index) => ({
    name,
    number: index + 1,
    ports: ports.nodes[index]!,
    store: data.store(brokers.length, index + 1),
    pidFile: data.rendered(`nats-${index + 1}.pid`),
  }));
  const plan: Plan = {
    cluster: anonymous ? { ...cluster, mqtt: { ...cluster.mqtt, anonymous: true } } : cluster,
    clusterFile: anonymous ? data.rendered('cluster.yaml') : file,
    host: HOST,
    ports,
    nodes,
    natsSyncInterval: nats.syncInterval,
    openStats: options.anonymous,
  };
  if (anonymous) writeAnonymous(plan.clusterFile, file);
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

function writeAnonymous(file: string, source: string): void {
  const original = guard(source, () => readFileSync(source, 'utf8'));
  const text = withAnonymous(original, path.dirname(source));
  parseCluster(text, file);
  writePrivate(
    file,
    `# ${source} with mqtt.anonymous on (--anonymous).\n# Written anew at every start: change that file instead.\n\n${text}`,
  );
}

/** Writes every rendered file. Throws STORAGE. */
export function writeRendered(plan: Plan, data: DataDir): void {
  for (const [name, text] of renderAll(plan)) writePrivate(data.rendered(name), text);
}
