import { readFileSync } from 'node:fs';
import type { ClusterConfig } from '#core/config/cluster.ts';
import { loadCluster } from '#core/config/cluster.ts';
import { ConfigError, type ConfigProblem } from '#core/config/yaml-file.ts';
import { judgeCluster } from '../validate/advice.ts';
import { print } from './admin-options.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

export const validateCommand: Command = {
  name: 'validate',
  summary: 'Check a cluster.yaml; every error with file, line and column',
  positionals: ['FILE'],
  options: {
    strict: { type: 'flag', text: 'warnings count as errors' },
    json: { type: 'flag', text: 'one JSON object: {"valid":…,"problems":[…],"warnings":[…]}' },
  },
  details: `Errors are what no cluster can work with: unknown keys and roles, an address that two nodes
have, a vip that a node has. Warnings are what works worse than its owner may think: two brokers or
an even number of them, nodes in different networks, weak passwords.`,
  examples: [
    { line: 'bramble validate cluster.yaml', text: 'before it goes on a card' },
    { line: 'bramble validate cluster.yaml --json', text: 'for an editor or a script' },
  ],
  async run({ values, positionals }) {
    const file = positionals[0]!;
    try {
      const { cluster, warnings } = judgeCluster(readCluster(file), file);
      const refused = values.strict === true && warnings.length > 0;
      if (values.json) {
        print(`${JSON.stringify({ valid: !refused, problems: [], warnings })}\n`);
      } else {
        process.stderr.write(warnings.map((warning) => `${located(warning)}\n`).join(''));
        if (!refused) print(`${praise(cluster)}\n`);
      }
      return refused ? EXIT.CONFIG : EXIT.OK;
    } catch (error) {
      if (!values.json || !(error instanceof ConfigError)) throw error;
      print(`${JSON.stringify({ valid: false, problems: error.problems, warnings: [] })}\n`);
      return EXIT.CONFIG;
    }
  },
};

/** Throws ConfigError where it cannot be read, as loadCluster does. */
function readCluster(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    loadCluster(file);
    throw error;
  }
}

function located({ file, line, column, message }: ConfigProblem): string {
  return `${file}:${line}:${column}: warning: ${message}`;
}

function praise({ cluster, nodes, mqtt }: ClusterConfig): string {
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;
  return `valid: cluster "${cluster.name}", ${count(nodes.length, 'node')}, ${count(mqtt.users.length, 'MQTT user')}`;
}
