import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Console } from '../../services/balancer/command/console.ts';
import { loadWithProblems } from '../../services/balancer/command/load-problems.ts';
import { loadConfig } from '../../services/balancer/config/load.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'balancer-directives-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** What was said, without what differs between the programs: ids, the column that we add, hints. */
function cleaned(text: string): string[] {
  return (
    text
      .replace(/\(\d+\) /g, '')
      .replace(/^ +\| /gm, '  ')
      .split('\n')
      .map((line) =>
        line
          .replace(/(test\.cfg:\d+)(:\d+)?\] ?:/, '$1] :')
          .replace(/; did you mean .* maybe \?/, ''),
      )
      .filter((line) => /^\[|^ {2}\S|^ +\^$/.test(line))
      .filter((line) => !/version is|path to executable/.test(line))
      // An ending that both have, in different places.
      .filter((line) => !/errors? found in configuration|Error\(s\) found/i.test(line))
  );
}

interface Verdict {
  valid: boolean;
  said: string[];
}

function theirs(file: string): Promise<Verdict> {
  return new Promise((resolve) => {
    execFile('haproxy', ['-c', '-f', file], (error, _stdout, stderr) => {
      // 2: nothing listens.
      resolve({ valid: error?.code === 2, said: cleaned(stderr) });
    });
  });
}

async function ours(file: string): Promise<Verdict> {
  let text = '';
  const console = new Console(undefined, 'version is ours', (more) => {
    text += more;
  });
  const overrides = { defaultMaxconn: 1000, logTag: 'test' };
  const loaded = await loadWithProblems(() => loadConfig([file], { overrides }), {
    zeroWarning: false,
    console,
  });
  return { valid: loaded !== undefined, said: cleaned(text) };
}

const CASES = [
  '.if 1\n.notice yes\n.else\n.notice no\n.endif\n',
  '.if 0\n.notice yes\n.elif 0\n.notice also\n.else\n.notice no\n.endif\n',
  '.if defined(HOME) && !streq("$HOME",x) || 0\n.notice yes\n.endif\n',
  '.if (1 || 1) && 0\n.else\n.notice no\n.endif\n',
  '.if version_atleast(2.6) && version_before(2.7)\n.warning "this one"\n.endif\n',
  '.if feature(OPENSSL) && !feature(NOPE)\n.notice yes\n.endif\n',
  '.diag quiet\n',
  '.if foo(bar)\n.endif\n',
  '.if streq(a)\n',
  '.if streq\n',
  '.if streq(a,b\n',
  '.if streq("a,b",c,d)\n',
  '.if defined()\n.notice x\n.endif\n',
  '.if (1\n',
  '.if (defined(HOME)\n',
  '.if 1 x\n',
  '.if 1 | 1\n',
  '.if 1 ||\n',
  '.if 1 &&\n',
  '.if !\n',
  '.if 0x10foo\n',
  '.if defined(HOME)x\n',
  '.if 1\n.notice x\n',
  '.else\n',
  '.else x\n',
  '.elif 1\n',
  '.endif\n',
  '.endif y\n',
  '.foo\n',
  '.alert a\n.notice b\n',
  '.alert a b\n.notice c\n',
  '.if 1\n.else\n.else\n.endif\n',
  `${'.if 1\n'.repeat(99)}${'.endif\n'.repeat(99)}.notice deep\n`,
  '.if 1\n'.repeat(100),
];

test('say of conditional blocks what HAProxy says', async () => {
  let compared = 0;
  for (const text of CASES) {
    const file = join(directory, 'test.cfg');
    writeFileSync(file, text);
    expect.soft(await ours(file), text).toEqual(await theirs(file));
    compared += 1;
  }
  console.log(`${compared} files with directives: the same verdict and words`);
});
