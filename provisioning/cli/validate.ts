import { type ClusterConfig, loadCluster } from '#core/config/cluster.ts';
import { ConfigError } from '#core/config/yaml-file.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

export const validateCommand: Command = {
  name: 'validate',
  summary: 'Check a cluster.yaml; every error with file, line and column',
  positionals: ['FILE'],
  options: { json: { type: 'flag', text: 'one JSON object: {"valid":…,"problems":[…]}' } },
  examples: [
    { line: 'bramble validate cluster.yaml', text: 'before it goes on a card' },
    { line: 'bramble validate cluster.yaml --json', text: 'for an editor or a script' },
  ],
  async run({ values, positionals }) {
    const file = positionals[0]!;
    try {
      const cluster = loadCluster(file);
      const summary = values.json ? JSON.stringify({ valid: true, problems: [] }) : praise(cluster);
      process.stdout.write(`${summary}\n`);
      return EXIT.OK;
    } catch (error) {
      if (!values.json || !(error instanceof ConfigError)) throw error;
      process.stdout.write(`${JSON.stringify({ valid: false, problems: error.problems })}\n`);
      return EXIT.CONFIG;
    }
  },
};

function praise({ cluster, nodes, mqtt }: ClusterConfig): string {
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;
  return `valid: cluster "${cluster.name}", ${count(nodes.length, 'node')}, ${count(mqtt.users.length, 'MQTT user')}`;
}
