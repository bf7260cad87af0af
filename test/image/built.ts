import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const OUT = fileURLToPath(new URL('../../image/out', import.meta.url));

/** The image that `make image` left. Rejects where there is none, or several. */
export function builtImage(): Promise<string> {
  return only(/^bramble-.*-arm64\.img$/, 'make image');
}

/** The one with Java and Kafka. */
export function builtImageWithKafka(): Promise<string> {
  return only(/^bramble-.*-arm64-kafka\.img$/, 'make image KAFKA=1');
}

/** The update to it. */
export function builtUpdate(): Promise<string> {
  return only(/^bramble-.*-arm64\.update$/, 'make image');
}

/** The tree that `make virtual-pi` left. Rejects where there is none, or several. */
export function builtVirtualPi(): Promise<string> {
  return only(/^bramble-.*-virtual-(x64|arm64)\.tar$/, 'make virtual-pi');
}

/** The one with Kafka's jars. */
export function builtVirtualPiWithKafka(): Promise<string> {
  return only(/^bramble-.*-virtual-(x64|arm64)-kafka\.tar$/, 'make virtual-pi KAFKA=1');
}

async function only(pattern: RegExp, target: string): Promise<string> {
  const found = (await readdir(OUT).catch(() => [])).filter((name) => pattern.test(name));
  if (found.length !== 1) throw new Error(`${found.length} files to test: run \`${target}\``);
  return path.join(OUT, found[0]!);
}
