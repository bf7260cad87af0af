import { existsSync } from 'node:fs';
import path from 'node:path';
import type { ClusterConfig } from '#core/config/cluster.ts';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import { findProgram } from '../dev/find-program.ts';
import { kafkaClassPath, kafkaJars } from '../kafka/jars.ts';

/**
 * What the playbooks need to know of Kafka, where a node has that role: a directory with its jars,
 * which are fetched once. Without Maven here a node must have them already, and the playbook says so.
 * Rejects with PROGRAM_MISSING.
 */
export async function kafkaVars({ nodes }: ClusterConfig): Promise<Record<string, string>> {
  if (!nodes.some(({ roles }) => roles.includes('kafka'))) return {};
  const jars = kafkaJars();
  if (existsSync(jars)) return { kafka_jars: jars };
  if (findProgram('mvn') === undefined) return {};
  try {
    return { kafka_jars: path.dirname(await kafkaClassPath()) };
  } catch (cause) {
    const why = describeError(cause);
    throw new BrambleError(ERROR_CODES.PROGRAM_MISSING, `Maven does not bring Kafka: ${why}`, {
      cause,
      hint: 'where all nodes have the image with Kafka, do without Maven on this machine',
    });
  }
}
