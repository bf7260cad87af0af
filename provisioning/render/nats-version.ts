import { execFileSync } from 'node:child_process';
import { findProgram } from '../dev/find-program.ts';

/** Whether the nats-server here knows `sync_interval`: Debian trixie's does, bookworm's 2.9 does not. */
export function knowsSyncInterval(): boolean {
  // Where none is installed this is rendered for another machine: one with our image.
  const program = findProgram('nats-server');
  if (program === undefined) return true;
  try {
    const told = execFileSync(program, ['--version'], { encoding: 'utf8' });
    const [, major, minor] = /v(\d+)\.(\d+)/.exec(told) ?? [];
    return Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 10);
  } catch {
    return true;
  }
}
