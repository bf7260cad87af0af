import { systemCode } from '#core/errors.ts';
import type { CommandLine } from './arguments.ts';
import type { Console } from './console.ts';

/** Tells the processes of `-sf` to finish and those of `-st` to end. */
export function stopOldProcesses(
  { finish, terminate }: Pick<CommandLine, 'finish' | 'terminate'>,
  console: Console,
): void {
  for (const pid of finish) send(pid, 'SIGUSR1', console);
  for (const pid of terminate) send(pid, 'SIGTERM', console);
}

function send(pid: number, signal: NodeJS.Signals, console: Console): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const code = systemCode(error);
    // Gone already: just what was asked for.
    if (code !== 'ESRCH') console.say('WARNING', `cannot signal process ${pid}: ${code}`);
  }
}
