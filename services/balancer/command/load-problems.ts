import type { Loaded } from '../config/load.ts';
import { BalancerConfigError, formatProblem, type Problem } from '../config/problem.ts';
import type { Console } from './console.ts';

const KINDS = { alert: 'ALERT', warning: 'WARNING', notice: 'NOTICE' } as const;

function show(problems: readonly Problem[], console: Console): void {
  for (const problem of problems) console.say(KINDS[problem.severity], formatProblem(problem));
}

/** Whether anything is to be worried about. */
export const hasWarnings = (problems: readonly Problem[]): boolean =>
  problems.some(({ severity }) => severity === 'warning');

/**
 * Shows what is wrong with the configuration. Returns what it loaded, or undefined when that is
 * unusable: with an alert, or with a warning where `zeroWarning` asks for none.
 */
export async function loadWithProblems(
  load: () => Promise<Loaded>,
  { zeroWarning, console }: { zeroWarning: boolean; console: Console },
): Promise<Loaded | undefined> {
  try {
    const loaded = await load();
    show(loaded.warnings, console);
    if (!zeroWarning || !hasWarnings(loaded.warnings)) return loaded;
    const message = "config : Some warnings were found and 'zero-warning' is set. Aborting.";
    console.say('ALERT', message);
    return undefined;
  } catch (error) {
    if (!(error instanceof BalancerConfigError)) throw error;
    show(error.problems, console);
    const files = error.problems.flatMap(({ severity, position }) =>
      severity === 'alert' && position ? [position.file] : [],
    );
    for (const file of new Set(files)) {
      console.say('ALERT', `config : Error(s) found in configuration file : ${file}`);
    }
    console.say('ALERT', 'config : Fatal errors found in configuration.');
    return undefined;
  }
}
