import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const LOGGING = fileURLToPath(new URL('log4j2.yaml', import.meta.url));
/** As much as a Raspberry Pi can spare; the first compiler is enough, and starts sooner. */
const HEAP = ['-Xms96m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const TOOL_HEAP = ['-Xmx128m', '-XX:TieredStopAtLevel=1'];

/** How a Kafka node is started; `file` is its server.properties. */
export function kafkaCommand(classPath: string, file: string): { command: string; args: string[] } {
  return {
    command: 'java',
    args: [...HEAP, logging(LOGGING), '-cp', classPath, 'kafka.Kafka', file],
  };
}

function logging(file: string): string {
  return `-Dlog4j2.configurationFile=${file}`;
}

/** Prepares a node's folder, where that has not been done (`kafka-storage.sh format`). */
export async function formatKafka(
  classPath: string,
  file: string,
  clusterId: string,
  options: readonly string[] = ['--standalone'],
  log4j = LOGGING,
): Promise<void> {
  const tool = ['kafka.tools.StorageTool', 'format', '--ignore-formatted', '-t', clusterId];
  await run('java', [
    ...TOOL_HEAP,
    logging(log4j),
    '-cp',
    classPath,
    ...tool,
    '-c',
    file,
    ...options,
  ]);
}

/** Kafka's form of a UUID, 16 bytes as URL-safe Base64, the same for the same text. */
export function kafkaId(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  // No dash at the front: it would look like an option.
  bytes[0] = bytes[0]! & 0x7f;
  return bytes.toString('base64url');
}
