import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { BrambleError, describeError, ERROR_CODES, systemCode } from '#core/errors.ts';

const run = promisify(execFile);

/** The first release with `sync_interval` in the jetstream block. */
const SYNC_INTERVAL_SINCE = [2, 10] as const;

export interface NatsProgram {
  command: string;
  version: string;
  /** Knows `sync_interval`. */
  syncInterval: boolean;
}

/** Finds nats-server on the PATH (Debian puts it into sbin). Throws PROGRAM_MISSING. */
export async function findNats(command = 'nats-server'): Promise<NatsProgram> {
  const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin` };
  try {
    const { stdout } = await run(command, ['--version'], { env });
    const [, major, minor] = /v?(\d+)\.(\d+)\./.exec(stdout) ?? [];
    const [sinceMajor, sinceMinor] = SYNC_INTERVAL_SINCE;
    const syncInterval =
      Number(major) > sinceMajor || (Number(major) === sinceMajor && Number(minor) >= sinceMinor);
    return { command, version: stdout.trim().replace(/^.*v/, ''), syncInterval };
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') {
      throw new BrambleError(ERROR_CODES.PROGRAM_MISSING, 'nats-server is not installed', {
        hint: 'sudo apt-get install --no-install-recommends nats-server',
      });
    }
    throw new BrambleError(
      ERROR_CODES.PROGRAM_MISSING,
      `nats-server does not run: ${describeError(cause)}`,
    );
  }
}
