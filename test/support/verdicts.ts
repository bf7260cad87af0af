import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { problemsOf } from '../unit/balancer/config/read.ts';

export type Verdict = 'accepted' | 'warning' | 'refused';

/** What HAProxy's `-c` says of a configuration, without its words. */
export class HaproxyVerdicts {
  readonly #directory = mkdtempSync(join(tmpdir(), 'bramble-verdicts-'));
  #count = 0;

  of(text: string): Promise<Verdict> {
    const file = join(this.#directory, `${this.#count++}.cfg`);
    writeFileSync(file, text);
    return new Promise((resolve) => {
      execFile('haproxy', ['-c', '-f', file], (error, _stdout, stderr) => {
        resolve(error ? 'refused' : stderr.includes('[WARNING]') ? 'warning' : 'accepted');
      });
    });
  }

  close(): void {
    rmSync(this.#directory, { recursive: true });
  }
}

/** What we say of it. */
export async function ourVerdict(text: string): Promise<Verdict> {
  const problems = await problemsOf(text);
  if (problems.some(({ severity }) => severity === 'alert')) return 'refused';
  return problems.length > 0 ? 'warning' : 'accepted';
}
