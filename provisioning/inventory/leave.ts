import type { ClusterConfig, ClusterNode } from '#core/config/cluster.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { judgeCluster } from '../validate/advice.ts';
import { withoutNode } from './edit-nodes.ts';

/** What cluster.yaml is without a node. */
export interface Leave {
  text: string;
  leaving: ClusterNode;
  /** What works worse than before. */
  warnings: string[];
}

/**
 * Takes a node out of the text of a cluster.yaml. Throws USAGE where the others could not go on
 * without it, as withoutNode where the file would no longer be valid.
 */
export function leaveCluster(text: string, name: string): Leave {
  const after = withoutNode(text, name);
  const [old, next] = [judgeCluster(text, name), judgeCluster(after, name)];
  const leaving = old.cluster.nodes.find((node) => node.name === name)!;
  if (leaving.roles.includes('kafka')) refuseKafka(name);
  if (leaving.roles.includes('broker')) refuseAlone(next.cluster, name);
  const known = new Set(old.warnings.map(({ message }) => message));
  const warnings = next.warnings.map(({ message }) => message);
  return { text: after, leaving, warnings: warnings.filter((warning) => !known.has(warning)) };
}

/** What Kafka keeps there nobody else may have, and which topics can do without it its owner knows. */
function refuseKafka(name: string): never {
  throw new BrambleError(
    ERROR_CODES.USAGE,
    `${name} runs Kafka: its copies of records and its vote would be gone`,
    {
      hint: 'with its own tools: kafka-reassign-partitions, then kafka-metadata-quorum remove-controller; then take the role kafka out of cluster.yaml, and bramble apply',
    },
  );
}

function refuseAlone({ nodes }: ClusterConfig, name: string): void {
  const [first, second] = nodes.filter(({ roles }) => roles.includes('broker'));
  if (first === undefined || second !== undefined) return;
  throw new BrambleError(
    ERROR_CODES.USAGE,
    `without ${name} only ${first.name} would store: one of two is no majority, so it could not go on`,
    {
      hint: 'bramble add-node first; or bramble backup, reset, apply and restore for a cluster of one',
    },
  );
}
