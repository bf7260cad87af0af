import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

const root = process.cwd();

/** Lints a file with one import, placed for a moment in `folder`; true when the linter lets it be. */
function allows(folder: string, specifier: string): boolean {
  const scratch = mkdtempSync(path.join(root, folder, 'border-'));
  try {
    const file = path.join(scratch, 'probe.ts');
    writeFileSync(file, `import '${specifier}';\n`);
    const args = ['lint', '--only=style/noRestrictedImports', '--vcs-enabled=false', file];
    return spawnSync(path.join(root, 'node_modules/.bin/biome'), args).status === 0;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

describe('the linter keeps the borders between rooms', () => {
  test.each([
    ['services/core', '../../balancer/model.ts'],
    ['services/balancer', '../../broker/main.ts'],
    ['services/balancer', '../../stats/main.ts'],
    ['services/broker', '../../balancer/model.ts'],
    ['services/stats', '../../broker/main.ts'],
    ['services/bridge', '../../broker/main.ts'],
    ['services/bridge', '../../broker/log/log-writer.ts'],
    ['services/vip', '../../watchdog/service.ts'],
    ['services/watchdog', '../../vip/guard.ts'],
    ['services/stats', '../../../provisioning/main.ts'],
    ['services/broker', '../../../test/support/ports.ts'],
    ['provisioning', '../../services/balancer/model.ts'],
  ])('%s may not import %s', (folder, specifier) => {
    expect(allows(folder, specifier)).toBe(false);
  });

  test.each([
    ['services/balancer', '../stats/rows.ts'],
    ['services/balancer', '#core/errors.ts'],
    ['services/bridge', '#core/message-log/consumer.ts'],
    ['provisioning', '#core/config/cluster.ts'],
  ])('%s may import %s', (folder, specifier) => {
    expect(allows(folder, specifier)).toBe(true);
  });
});
