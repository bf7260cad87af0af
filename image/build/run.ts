import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';

export interface RunOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** A file that everything the program says is appended to. */
  log?: string;
  /** Text for its standard input. */
  input?: string;
}

/** What of a failed program's last words goes into the error, characters. */
const LAST_WORDS = 4_000;

/**
 * Runs a program to its end and resolves with what it wrote to standard output. Rejects with its
 * last words when it fails or is not installed.
 */
export async function run(
  program: string,
  args: readonly string[],
  { env = {}, cwd, log, input }: RunOptions = {},
): Promise<string> {
  const child = spawn(program, args, {
    ...(cwd === undefined ? {} : { cwd }),
    // Messages are compared and logs are kept: one language, one time zone.
    env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const file = log === undefined ? undefined : createWriteStream(log, { flags: 'a' });
  file?.write(`\n$ ${program} ${args.join(' ')}\n`);
  const output: Buffer[] = [];
  let words = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output.push(chunk);
    file?.write(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-LAST_WORDS);
    file?.write(chunk);
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code, signal] = (await once(child, 'close').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new Error(`${program} is not installed: run provisioning/setup.sh image`);
  })) as [number | null, string | null];
  file?.end();
  if (code !== 0) {
    const where = log === undefined ? '' : ` (all of it in ${log})`;
    throw new Error(`${program} ended with ${signal ?? code}${where}:\n${words.trimEnd()}`);
  }
  return Buffer.concat(output).toString('utf8');
}
