import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { drainedBy } from '#core/drain.ts';

const WHO = 'watchdog';

/** The watchdog's own wish that this node takes no clients, beside those of others. */
export class OwnDrain {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  get wanted(): boolean {
    return drainedBy(this.#directory).includes(WHO);
  }

  async begin(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o755 });
    await writeFile(path.join(this.#directory, WHO), '', { mode: 0o644 });
  }

  async end(): Promise<void> {
    await rm(path.join(this.#directory, WHO), { force: true });
  }
}
