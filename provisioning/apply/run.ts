import { explain } from '../ansible/faults.ts';
import { commandLine, runPlaybook, shellLine } from '../ansible/run.ts';
import { EXIT } from '../cli/exit-codes.ts';
import { terminalStyle } from '../dev/style.ts';
import { kafkaVars } from '../inventory/kafka.ts';
import { lockWorkspace, type Workspace } from '../inventory/workspace.ts';
import { addressOf, tellFailure } from './failure.ts';
import { Progress } from './progress.ts';

export interface RunOptions {
  workspace: Workspace;
  playbook: string;
  vars?: Readonly<Record<string, string>>;
  limit?: readonly string[] | undefined;
  json: boolean;
}

/**
 * Runs a playbook that changes nodes, tells how it goes, and says at the end what changed. Resolves
 * with the exit code. Rejects with PROGRAM_MISSING, ALREADY_RUNNING, PROCESS_EXITED.
 */
export async function runOnNodes(options: RunOptions): Promise<number> {
  const { workspace, playbook, limit, json } = options;
  const kafka = await kafkaVars(workspace.cluster);
  const vars = { ...kafka, ...options.vars, bramble_logs: workspace.logs };
  const asked = { playbook, inventory: workspace.inventory, vars, limit };
  const out = (text: string): void => {
    process.stdout.write(text);
  };
  const say = (event: object): void => out(`${JSON.stringify(event)}\n`);
  const style = terminalStyle(process.stdout.isTTY === true);
  const { columns = 80, isTTY = false } = process.stdout;
  const progress = new Progress({
    write: json ? () => {} : out,
    isTerminal: isTTY,
    style,
    columns,
  });
  const line = shellLine(commandLine(asked));
  const unlock = lockWorkspace(workspace);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    if (json) say({ event: 'command', line });
    else out(`${style.dim(line)}\n`);
    const result = await runPlaybook({
      ...asked,
      signal: stop.signal,
      onEvent: (event) => {
        progress.read(event);
        if (json) say(event);
      },
    });
    if (result.code !== 0 && progress.failures.length === 0) tellFailure(result);
    for (const { host, message } of progress.failures) {
      const fault = explain(message, addressOf(workspace, host));
      if (fault === undefined) continue;
      if (json) say({ event: 'fault', host, ...fault });
      else out(`${fault.what}\n  ${fault.mend}\n`);
    }
    const changed = Object.entries(result.hosts).filter(([, host]) => host.changed > 0);
    if (!json && result.code === 0) {
      const names = changed.map(([name]) => name).join(', ');
      out(
        `${style.good('done')}: ${names === '' ? 'nothing had to change' : `changed ${names}`}\n`,
      );
    }
    if (!json && result.code !== 0) {
      out(
        `${style.bad('stopped')}: mend what it names and run the same again; what is done stays done\n`,
      );
    }
    return result.code === 0 ? EXIT.OK : EXIT.FAILURE;
  } finally {
    process.removeListener('SIGINT', onSignal);
    process.removeListener('SIGTERM', onSignal);
    unlock();
  }
}
