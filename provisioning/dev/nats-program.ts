import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ClusterConfig } from '#core/config/cluster.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { findProgram } from './find-program.ts';

const run = promisify(execFile);

/** The first release with `sync_interval` in the jetstream block. */
const SYNC_INTERVAL_SINCE = [2, 10] as const;
const VERSION = /v?(\d+)\.(\d+)\.\S+/;

export interface NatsProgram {
  /** Full path. */
  command: string;
  version: string;
  /** Knows `sync_interval`. */
  syncInterval: boolean;
}

/** Finds nats-server. Throws PROGRAM_MISSING. */
export async function findNats(find = findProgram): Promise<NatsProgram> {
  const command = find('nats-server');
  if (command === undefined) {
    throw new BrambleError(ERROR_CODES.PROGRAM_MISSING, 'nats-server is not installed', {
      hint: 'sudo apt-get install --no-install-recommends nats-server',
    });
  }
  const version = await versionOf(command);
  const [, major, minor] = version;
  const [sinceMajor, sinceMinor] = SYNC_INTERVAL_SINCE;
  const syncInterval =
    Number(major) > sinceMajor || (Number(major) === sinceMajor && Number(minor) >= sinceMinor);
  return { command, version: version[0], syncInterval };
}

/** What the owner should know of the durability that cluster.yaml asks for; undefined if it holds. */
export function durabilityNote(
  { version, syncInterval }: NatsProgram,
  { flush }: ClusterConfig['mqtt']['durability'],
): string | undefined {
  if (syncInterval) return undefined;
  const wanted = flush === 'always' ? 'mqtt.durability: power-loss' : 'mqtt.durability.flush';
  return `nats-server ${version} is older than 2.10 and cannot do ${wanted}: a power cut of all nodes may lose the last two minutes; the death of one node loses nothing`;
}

async function versionOf(command: string): Promise<RegExpExecArray> {
  let output = '';
  let failure: unknown;
  try {
    output = (await run(command, ['--version'])).stdout;
  } catch (error) {
    failure = error;
  }
  const version = VERSION.exec(output);
  if (version) return version;
  const options = failure === undefined ? {} : { cause: failure };
  throw new BrambleError(ERROR_CODES.PROGRAM_MISSING, `${command} does not run`, options);
}
