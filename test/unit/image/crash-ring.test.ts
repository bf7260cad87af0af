import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const SCRIPT = fileURLToPath(
  new URL('../../../image/recipe/overlay/common/usr/lib/bramble/crash-ring', import.meta.url),
);

let work = '';
beforeEach(() => {
  work = mkdtempSync(path.join(tmpdir(), 'bramble-ring-'));
});
afterEach(() => rmSync(work, { recursive: true }));

/** A journal that has errors or not; it answers as journalctl does. */
function journal(errors: string, lines: string): void {
  const file = path.join(work, 'journalctl');
  writeFileSync(path.join(work, 'lines'), lines);
  writeFileSync(
    file,
    `#!/bin/sh\ncase "$*" in *--priority=err*) printf '%s' '${errors}' ;; *) cat ${work}/lines ;; esac\n`,
  );
  chmodSync(file, 0o755);
}

function ring(how: string): string[] {
  const env = { PATH: `${work}:/usr/bin:/bin`, BRAMBLE_CRASH_RING: path.join(work, 'ring') };
  execFileSync('sh', [SCRIPT, how], { env });
  return readdirSync(path.join(work, 'ring')).sort();
}

test('a node without errors writes nothing', () => {
  journal('', 'all is well\n');
  expect(ring('look')).toEqual([]);
  expect(ring('stop')).toEqual([]);
});

test('what led to an error is kept, in eight files of bounded size, the oldest overwritten', () => {
  for (let crash = 0; crash < 11; crash++) {
    journal('oom', `${`${'x'.repeat(99)}\n`.repeat(3_000)}crash ${crash}\n`);
    ring(crash % 2 === 0 ? 'look' : 'stop');
  }
  const files = ring('start').filter((name) => name.endsWith('.log'));
  expect(files).toHaveLength(8);
  const last = files.map((name) => readFileSync(path.join(work, 'ring', name), 'utf8'));
  const kept = last.map((text) => Number(/crash (\d+)\n$/.exec(text)?.[1])).sort((a, b) => a - b);
  expect(kept).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
  for (const name of files)
    expect(statSync(path.join(work, 'ring', name)).size).toBeLessThanOrEqual(131_072);
});
