import { createHash } from 'node:crypto';
import { access, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { run } from './run.ts';

export interface JarOptions {
  checkout: string;
  /** Where fetched jars stay for the next time. */
  cache: string;
  log: string;
}

/** Names what is fetched, each with its version. */
const POM = 'provisioning/kafka/pom.xml';

/**
 * Kafka's jars and those that they need, by Maven, which compares them with their sums. Resolves
 * with their directory, whose name changes with the list of what is fetched.
 */
export async function fetchJars({ checkout, cache, log }: JarOptions): Promise<string> {
  const pom = path.join(checkout, POM);
  const hash = createHash('sha256')
    .update(await readFile(pom))
    .digest('hex')
    .slice(0, 16);
  const jars = path.join(cache, `kafka-${hash}`);
  const there = await access(jars).then(
    () => true,
    () => false,
  );
  if (there) return jars;
  // Into a directory of its own first: a fetch that is broken off leaves nothing half.
  const work = await mkdtemp(path.join(cache, '.kafka-'));
  try {
    await run(
      'mvn',
      [
        ...['-B', '-q', '-f', pom, 'dependency:copy-dependencies'],
        ...['-DincludeScope=runtime', `-DoutputDirectory=${work}`],
      ],
      { log },
    );
    await rename(work, jars);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return jars;
}
