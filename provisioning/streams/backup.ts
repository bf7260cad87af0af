import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import { RETAINED_PROGRESS, replicasFor } from '#core/jetstream/stream-plan.ts';
import { isDirectory, listed, writeText } from '../node/files.ts';
import { type Engine, refused, streamNames } from './engine.ts';
import { hashOf, MANIFEST, type Manifest, readManifest } from './manifest.ts';
import { restoreStream, type StreamCopy, snapshotStream } from './snapshot.ts';

export interface BackupResult {
  directory: string;
  streams: { name: string; messages: number; bytes: number }[];
  /** Names of all files of the backup. */
  contents: string[];
}

export interface BackupOptions {
  engine: Engine;
  /** A new one, or one that is empty. */
  directory: string;
  /** Configuration and secrets: every file in it but what is rendered comes along. */
  etc: string;
  skip: (file: string) => boolean;
  cluster: string;
  node: string;
  release: string;
}

const LOG = /^BRAMBLE_LOG_/;
/** Streams with what clients have: a restore does not write over them unasked. */
const CLIENTS = /^BRAMBLE_(LOG_|RETAINED$|SESSIONS_)/;

/**
 * Copies all streams and the configuration into a directory while the cluster works. The log comes
 * last: what a session or the retained messages refer to is then in the copy of the log.
 */
export async function backUp(options: BackupOptions): Promise<BackupResult> {
  const { engine, directory, etc, skip, cluster, node, release } = options;
  prepare(directory);
  const at = new Date().toISOString();
  const names = await streamNames(engine);
  if (names.length === 0) {
    throw new BrambleError(ERROR_CODES.STORAGE, 'this cluster stores nothing yet');
  }
  const streams: Manifest['streams'] = [];
  for (const name of [
    ...names.filter((one) => !LOG.test(one)),
    ...names.filter((one) => LOG.test(one)),
  ]) {
    const file = `${name}.snapshot`;
    const copy = await snapshotStream(engine, name, path.join(directory, file));
    const sha256 = (await hashOf(path.join(directory, file)))!;
    streams.push({ file, sha256, ...copy } as unknown as Manifest['streams'][number]);
  }
  const files: Manifest['files'] = [];
  for (const name of listed(etc)) {
    const from = path.join(etc, name);
    if (isDirectory(from) || skip(name)) continue;
    copyFileSync(from, path.join(directory, name));
    files.push({ file: name, sha256: (await hashOf(path.join(directory, name)))! });
  }
  const manifest: Manifest = { version: 1, cluster, at, node, release, streams, files };
  // Written last: a backup that was broken off is none.
  writeText(path.join(directory, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, 0o600);
  return { directory, streams: counted(manifest), contents: contentsOf(manifest) };
}

function contentsOf({ streams, files }: Manifest): string[] {
  return [...streams, ...files].map(({ file }) => file).concat(MANIFEST);
}

function counted({ streams }: Manifest): BackupResult['streams'] {
  return streams.map(({ config, state: { messages, bytes } }) => ({
    name: config.name,
    messages,
    bytes,
  }));
}

function prepare(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new BrambleError(ERROR_CODES.STORAGE, `${directory}: ${describeError(cause)}`, { cause });
  }
  if (readdirSync(directory).length === 0) return;
  throw new BrambleError(ERROR_CODES.STORAGE, `${directory} is not empty`, {
    hint: 'name a new directory',
  });
}

export interface RestoreOptions {
  engine: Engine;
  directory: string;
  /** Nodes with a broker. */
  nodes: number;
  /** Whether what clients have now may go. */
  replace: boolean;
}

/**
 * Puts the streams of a backup in the place of those that are there. No broker may run meanwhile.
 * Everything is looked at before anything is deleted. Throws STORAGE, ENGINE_UNAVAILABLE.
 */
export async function restore(options: RestoreOptions): Promise<BackupResult> {
  const { engine, directory, nodes, replace } = options;
  const manifest = await readManifest(directory);
  const there = await streamNames(engine);
  for (const name of there.filter((one) => CLIENTS.test(one))) {
    const records = await clientRecords(engine, name);
    if (records === 0 || replace) continue;
    throw new BrambleError(
      ERROR_CODES.STORAGE,
      `the cluster is not empty: ${name} holds ${records} records`,
      {
        hint: 'to put the backup in the place of all messages and sessions: --replace-all-messages',
      },
    );
  }
  for (const name of there) {
    await managed(`to delete ${name}`, engine.manager.streams.delete(name));
  }
  for (const { file, config, state } of manifest.streams) {
    const copy = { config, state } as unknown as StreamCopy;
    await restoreStream(engine, path.join(directory, file), copy);
  }
  const num_replicas = replicasFor(nodes);
  for (const { config } of manifest.streams) {
    if (num_replicas === 1) break;
    const grown = engine.manager.streams.update(config.name, { num_replicas });
    await managed(`to give ${config.name} ${num_replicas} replicas`, grown);
  }
  return {
    directory,
    streams: await restored(engine, manifest),
    contents: contentsOf(manifest),
  };
}

/** Rejects with ENGINE_UNAVAILABLE where JetStream refuses. */
function managed<T>(what: string, asked: Promise<T>): Promise<T> {
  return asked.catch((cause: unknown) => Promise.reject(refused(what, cause)));
}

/** Without what a broker notes for itself as soon as it runs. */
async function clientRecords({ manager }: Engine, name: string): Promise<number> {
  const asked = manager.streams.info(name, { subjects_filter: RETAINED_PROGRESS });
  const { state } = await managed(`to tell what ${name} holds`, asked);
  return state.messages - (state.subjects?.[RETAINED_PROGRESS] ?? 0);
}

/** What is there now; it must not be less than the manifest says. Throws STORAGE. */
async function restored(engine: Engine, manifest: Manifest): Promise<BackupResult['streams']> {
  for (const { config, state } of manifest.streams) {
    const asked = engine.manager.streams.info(config.name);
    const { state: now } = await managed(`to tell what ${config.name} holds`, asked);
    // What was written while the copy was taken may be in it, and what is too old is gone again.
    const { max_age: age } = config as { max_age?: number };
    const enough = now.messages >= state.messages || (age ?? 0) > 0;
    if (now.last_seq >= state.last_seq && enough) continue;
    throw new BrambleError(
      ERROR_CODES.STORAGE,
      `${config.name} has ${now.messages} records up to ${now.last_seq}, the backup ${state.messages} up to ${state.last_seq}`,
    );
  }
  return counted(manifest);
}
