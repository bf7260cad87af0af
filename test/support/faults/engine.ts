import { execFileSync } from 'node:child_process';

/** Whether nats-server is 2.10 or later, which the promises need; Debian bookworm has 2.9. */
export function isCurrentEngine(): boolean {
  const version = execFileSync('nats-server', ['--version'], { encoding: 'utf8' });
  const [, major, minor] = /v(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 10);
}
