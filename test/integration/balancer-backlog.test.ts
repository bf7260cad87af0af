import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { freePortRange } from '../support/ports.ts';
import { startEither } from '../support/side-by-side.ts';
import { together } from '../support/webs.ts';

/** What the kernel holds for a listening socket at most, as ss(8) shows it. */
function heldFor(port: number): string {
  const text = execFileSync('ss', ['-Hltn', `sport = :${port}`], { encoding: 'utf8' });
  return text.trim().split(/\s+/)[2] ?? '';
}

test('the kernel holds as many connections as backlog says, as with HAProxy', async () => {
  const { haproxy, bramble } = await together(async (which) => {
    const port = await freePortRange(3);
    const ports = [port, port + 1, port + 2];
    const config = `
defaults
    mode tcp
    timeout client 1s
    timeout connect 1s
    timeout server 1s
listen own
    bind 127.0.0.1:${port} backlog 41
listen inherited
    backlog 37
    bind 127.0.0.1:${port + 1}
listen both
    backlog 37
    bind 127.0.0.1:${port + 2} backlog 43
`;
    await using _ = await startEither(which, { config, ports });
    return ports.map(heldFor);
  });
  expect(haproxy).toEqual(['41', '37', '43']);
  expect(bramble).toEqual(haproxy);
});
