import { createHash } from 'node:crypto';
import type { StreamInfo } from '@nats-io/jetstream';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { replicasFor } from '#core/jetstream/stream-plan.ts';
import { askApi, type Engine, refusal, streamNames } from './engine.ts';

export interface ForgetOptions {
  /** Logged in as the brokers are, and as who may take a server out. */
  engine: Engine;
  system: Engine;
  /** Name of the node that goes; its nats-server is called the same. */
  node: string;
  /** Nodes with a broker that stay. */
  nodes: number;
  /** Longest wait until all streams are whole again, milliseconds. */
  patience: number;
}

export interface ForgetResult {
  changed: boolean;
  /** Streams that had a replica there. */
  streams: string[];
  /** Milliseconds. */
  took: number;
}

const INTERVAL = 500;
const INFO_TIMEOUT = 3_000;
/** JetStream's error codes: a server that is none of its members, and no other one to move to. */
const NO_MEMBER = 10_044;
const NOWHERE_ELSE = 10_075;

/**
 * Takes a node's nats-server out of JetStream for good: its replicas move to other nodes, or there is
 * one less, and it no longer counts in a majority. It may still run, but no broker there. Refuses
 * while something stored is not whole on those that stay, and makes streams smaller only when they
 * no longer count the node: JetStream might keep its replica and drop a living one. Rejects with
 * STORAGE, ENGINE_UNAVAILABLE.
 */
export async function forgetNode(options: ForgetOptions): Promise<ForgetResult> {
  const { engine, system, node, nodes, patience } = options;
  if (nodes < 2) {
    throw new BrambleError(
      ERROR_CODES.USAGE,
      'of two nodes that store, one alone has no majority',
      {
        hint: 'bramble backup, then bramble apply and bramble restore on the one that stays, after bramble reset',
      },
    );
  }
  refuseOld(engine);
  const from = performance.now();
  const until = from + patience;
  const infos = await settled(engine, until, (info) => lossOf(info, node));
  const held = infos.filter((info) => membersOf(info).some((name) => isNode(name, node)));
  for (const { config, cluster } of held) {
    if (cluster?.leader === node) {
      await askApi(engine.nats, `$JS.API.STREAM.LEADER.STEPDOWN.${config.name}`, {});
    }
  }
  await settled(engine, until, ({ cluster }) =>
    cluster?.leader === undefined || cluster.leader === node
      ? 'has no other leader yet'
      : undefined,
  );
  for (const { config } of held) await takeOff(engine, config.name, node);
  await settled(engine, until, (info) => lackOf(info, node, nodes));
  for (const { config } of infos) {
    if (config.num_replicas <= replicasFor(nodes)) continue;
    await engine.manager.streams.update(config.name, { num_replicas: replicasFor(nodes) });
  }
  await settled(engine, until, (info) => lackOf(info, node, nodes));
  const changed = await takeOut(system, node);
  const took = Math.round(performance.now() - from);
  return { changed, streams: held.map(({ config }) => config.name), took };
}

/** An older nats-server may keep a stream without a leader when it loses a replica for good. */
function refuseOld({ nats }: Engine): void {
  const version = nats.info?.version ?? '0.0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 2 || (major === 2 && minor >= 10)) return;
  throw new BrambleError(
    ERROR_CODES.USAGE,
    `nats-server ${version} cannot do without a node for good; 2.10 (Debian 13) can`,
    { hint: 'bramble backup, and bramble restore onto a cluster without that node' },
  );
}

/** Where no other server can take the replica, there is one less. */
async function takeOff(engine: Engine, stream: string, node: string): Promise<void> {
  try {
    await askApi(engine.nats, `$JS.API.STREAM.PEER.REMOVE.${stream}`, { peer: node });
  } catch (error) {
    if (refusal(error) !== NOWHERE_ELSE) throw error;
  }
}

async function takeOut(system: Engine, node: string): Promise<boolean> {
  try {
    await askApi(system.nats, '$JS.API.SERVER.REMOVE', { peer: node, peer_id: peerId(node) });
    return true;
  } catch (error) {
    if (refusal(error) === NO_MEMBER) return false;
    throw error;
  }
}

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const PEER_ID_LENGTH = 8;

/** What JetStream's groups call a server: digits of the SHA-256 of its name. */
function peerId(node: string): string {
  const sum = createHash('sha256').update(node).digest().subarray(0, PEER_ID_LENGTH);
  return Array.from(sum, (byte) => DIGITS[byte % DIGITS.length]).join('');
}

/** A server that was started after `node` died knows only its id, and tells that in a sentence. */
function isNode(name: string, node: string): boolean {
  return name === node || name.includes(`peerID: ${peerId(node)}`);
}

function membersOf({ cluster }: StreamInfo): string[] {
  const { leader, replicas = [] } = cluster ?? {};
  return [...(leader === undefined ? [] : [leader]), ...replicas.map(({ name }) => name)];
}

/** Why something could be lost if the node went now. */
function lossOf({ cluster }: StreamInfo, node: string): string | undefined {
  if (cluster?.leader === undefined) return 'has no leader now';
  return behind((cluster.replicas ?? []).filter(({ name }) => !isNode(name, node)));
}

/** What is not as it will be without the node. */
function lackOf({ config, cluster }: StreamInfo, node: string, nodes: number): string | undefined {
  const replicas = cluster?.replicas ?? [];
  if (replicas.some(({ name }) => isNode(name, node))) return `still counts ${node}`;
  if (cluster?.leader === undefined) return 'has no leader now';
  const wanted = Math.min(config.num_replicas, replicasFor(nodes));
  if (replicas.length < wanted - 1) return 'lacks a replica';
  return behind(replicas);
}

function behind(replicas: readonly { name: string; current: boolean; offline?: boolean }[]) {
  const names = replicas.filter(({ current, offline }) => !current || offline === true);
  if (names.length === 0) return undefined;
  return `is behind on ${names.map(({ name }) => name).join(', ')}`;
}

/** Waits until nothing is wrong with any stream. Rejects with STORAGE. */
async function settled(
  engine: Engine,
  until: number,
  wrong: (info: StreamInfo) => string | undefined,
): Promise<StreamInfo[]> {
  for (;;) {
    const infos: StreamInfo[] = [];
    const faults: string[] = [];
    const names = await streamNames(engine).catch(() => undefined);
    if (names === undefined) faults.push('JetStream has no leader now');
    for (const name of names ?? []) {
      // Without a leader a stream does not answer.
      const subject = `$JS.API.STREAM.INFO.${name}`;
      const asked = askApi<StreamInfo>(engine.nats, subject, {}, INFO_TIMEOUT);
      const info = await asked.catch(() => undefined);
      if (info !== undefined) infos.push(info);
      const fault = info === undefined ? 'has no leader now' : wrong(info);
      if (fault !== undefined) faults.push(`${name} ${fault}`);
    }
    if (faults.length === 0) return infos;
    if (performance.now() > until) {
      throw new BrambleError(ERROR_CODES.STORAGE, faults.join('; '), {
        hint: 'mend that (bramble status) and run the same again: what is done stays done',
      });
    }
    await new Promise((resolve) => setTimeout(resolve, INTERVAL));
  }
}
