import { terminalStyle } from '../dev/style.ts';
import { examine, type Finding } from '../doctor/examine.ts';
import { CLUSTER_OPTIONS, openWorkspace } from '../inventory/workspace.ts';
import { print } from './admin-options.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'Find common faults of the cluster, and say which command mends each',
  positionals: [],
  options: CLUSTER_OPTIONS,
  details: `It looks from here: programs that are missing, nodes that cannot be reached or do not let you
in, and on each node its release, configuration, services, disk, clock and drains. Ends with 0 where
it finds nothing.`,
  examples: [{ line: 'bramble doctor', text: 'what is wrong' }],
  async run({ values }) {
    const workspace = openWorkspace(values);
    const findings = await examine(workspace);
    if (values.json) print(findings.map((finding) => `${JSON.stringify(finding)}\n`).join(''));
    else print(report(findings, workspace.cluster.nodes.length));
    return findings.length === 0 ? EXIT.OK : EXIT.FAILURE;
  },
};

function report(findings: readonly Finding[], nodes: number): string {
  const style = terminalStyle(process.stdout.isTTY === true);
  if (findings.length === 0) {
    return `${style.good('nothing found')}: ${nodes} ${nodes === 1 ? 'node' : 'nodes'} looked at\n`;
  }
  return findings
    .map(({ subject, what, mend }) => `${style.bold(subject)}: ${style.bad(what)}\n  ${mend}\n`)
    .join('');
}
