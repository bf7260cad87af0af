import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { KAFKA_VERSION } from './version.ts';

const run = promisify(execFile);
const HERE = fileURLToPath(new URL('.', import.meta.url));
const CACHE = fileURLToPath(new URL('../../.cache/kafka/', import.meta.url));
const FETCH_TIMEOUT = 300_000;
const POLL = 250;

/** Where they are once they are fetched. */
export function kafkaJars(): string {
  return path.join(CACHE, KAFKA_VERSION);
}

/**
 * Kafka's jars, fetched from Maven Central once a checkout and kept in a folder that git ignores.
 * Returns the class path. Processes that want it at the same time wait for the first.
 */
export async function kafkaClassPath(): Promise<string> {
  const jars = kafkaJars();
  if (!existsSync(jars)) await fetchOnce(jars);
  return `${jars}/*`;
}

async function fetchOnce(jars: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const lock = `${jars}.lock`;
  const until = Date.now() + FETCH_TIMEOUT;
  while (!existsSync(jars)) {
    if (await take(lock)) {
      try {
        if (!existsSync(jars)) await fetch(jars);
      } finally {
        await rm(lock, { force: true });
      }
      return;
    }
    if (Date.now() > until) throw new Error(`Kafka's jars did not come; see ${lock}`);
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}

async function take(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    // Whoever took it may have been killed.
    const holder = Number(await readFile(lock, 'utf8').catch(() => ''));
    if (holder > 0 && !existsSync(`/proc/${holder}`)) await rm(lock, { force: true });
    return false;
  }
}

/** Into a folder of its own first, so that a fetch that was broken off leaves nothing half. */
async function fetch(jars: string): Promise<void> {
  const draft = await mkdtemp(`${jars}-`);
  try {
    await run(
      'mvn',
      [
        '-B',
        '-q',
        '-f',
        path.join(HERE, 'pom.xml'),
        'dependency:copy-dependencies',
        '-DincludeScope=runtime',
        `-DoutputDirectory=${draft}`,
      ],
      { timeout: FETCH_TIMEOUT },
    );
    await rename(draft, jars);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}
