import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const SCRIPT = `
  import { createLog } from '#core/log.ts';
  const log = createLog({ service: 'broker', node: 'pi1' });
  log.info({ user: { name: 'ann', password: 'hunter2' }, token: 'hunter2' }, 'refused');
`;

test('a secret never reaches a log line', async () => {
  const node = `${process.cwd()}/bin/node`;
  const { stdout } = await promisify(execFile)(node, [
    '--input-type=module-typescript',
    '-e',
    SCRIPT,
  ]);
  const line = JSON.parse(stdout);
  expect(line).toMatchObject({ level: 'info', service: 'broker', node: 'pi1', msg: 'refused' });
  expect(line.user.name).toBe('ann');
  expect(stdout).not.toContain('hunter2');
});
