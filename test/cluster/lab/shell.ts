import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const LONGEST = 60_000;
const OUTPUT = 64 << 20;
const execute = promisify(execFile);

/** Runs a program of this machine; resolves with what it printed, rejects with what it complained. */
export async function sh(program: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await execute(program, args, {
    timeout: LONGEST,
    maxBuffer: OUTPUT,
    killSignal: 'SIGKILL',
  });
  return stdout;
}

/** As `sh`, for what may be gone already. */
export async function quietly(act: () => Promise<unknown>): Promise<void> {
  await act().catch(() => undefined);
}
