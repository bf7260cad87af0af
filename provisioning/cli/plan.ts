import { explain } from '../ansible/faults.ts';
import { runPlaybook } from '../ansible/run.ts';
import { addressOf, tellFailure } from '../apply/failure.ts';
import { terminalStyle } from '../dev/style.ts';
import { kafkaVars } from '../inventory/kafka.ts';
import { RELEASE_OPTION, releaseVars } from '../inventory/release.ts';
import {
  CLUSTER_OPTIONS,
  chosenNodes,
  NODES_OPTION,
  openWorkspace,
} from '../inventory/workspace.ts';
import { changesSomething, PlanReader } from '../plan/node-plan.ts';
import { planText } from '../plan/plan-text.ts';
import { print } from './admin-options.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

export const planCommand: Command = {
  name: 'plan',
  summary: 'Show what apply would change on each node, and touch nothing',
  positionals: [],
  options: { ...CLUSTER_OPTIONS, ...NODES_OPTION, ...RELEASE_OPTION },
  details: `It is the playbook of apply in ansible's check mode, made readable. Secrets in configuration
files are shown as dots; a line that changed in them only is there twice.`,
  examples: [
    { line: 'bramble plan', text: 'for the cluster.yaml of this folder' },
    { line: 'bramble plan --nodes pi2 --json', text: 'one node, for a script' },
  ],
  async run({ values }) {
    const workspace = openWorkspace(values);
    const reader = new PlanReader();
    const result = await runPlaybook({
      playbook: 'site',
      inventory: workspace.inventory,
      vars: {
        ...(await kafkaVars(workspace.cluster)),
        ...releaseVars(values),
        bramble_logs: workspace.logs,
      },
      limit: chosenNodes(workspace, values.nodes as string | undefined),
      check: true,
      onEvent: (event) => reader.read(event),
    });
    const style = terminalStyle(process.stdout.isTTY === true);
    for (const [name, plan] of [...reader.nodes].sort(([a], [b]) => a.localeCompare(b))) {
      if (values.json)
        print(`${JSON.stringify({ node: name, changes: changesSomething(plan), ...plan })}\n`);
      else print(planText(name, plan, style));
      if (plan.failure === undefined) continue;
      const fault = explain(plan.failure, addressOf(workspace, name));
      if (fault !== undefined) process.stderr.write(`  ${fault.what}\n  ${fault.mend}\n`);
    }
    if (result.code !== 0 && reader.nodes.size === 0) tellFailure(result);
    return result.code === 0 ? EXIT.OK : EXIT.FAILURE;
  },
};
