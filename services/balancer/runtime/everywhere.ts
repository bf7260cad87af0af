import type { Call, Command } from './command.ts';
import type { Level } from './config.ts';
import type { Reply } from './reply.ts';

/** A command as one worker passes it on to others. */
export interface PassedCommand {
  readonly words: readonly string[];
  readonly payload: string | undefined;
  readonly level: Level;
}

/** The other workers of the process. */
export interface Crew {
  /** Runs it in each of them; who joins them later runs it, too, where `remember` is set. */
  run(command: PassedCommand, remember: boolean): Promise<Reply[]>;
  /** Tells them where servers stand now. */
  refresh(): void;
  /** How many there are with this one. */
  readonly workers: number;
}

/** Answers like "Session not found." */
const UNKNOWN = /not found|no such session/i;

/** Runs a command here and, as far as it concerns them, in the other workers. */
export async function runEverywhere(
  command: Command,
  call: Call,
  words: readonly string[],
  crew: Crew,
): Promise<Reply> {
  const own = await command.run(call);
  const passed = { words, payload: call.payload, level: call.session.level };
  switch (command.workers) {
    case 'each':
    case 'each-now':
      if (own.severity !== 3) await crew.run(passed, command.workers === 'each');
      break;
    case 'gather': {
      const others = await crew.run(passed, false);
      const text = own.text + others.map((reply) => reply.text).join('');
      if (!UNKNOWN.test(own.text)) return { ...own, text };
      return others.find((reply) => !UNKNOWN.test(reply.text)) ?? own;
    }
    case 'first': {
      if (!UNKNOWN.test(own.text)) return own;
      const others = await crew.run(passed, false);
      return others.find((reply) => !UNKNOWN.test(reply.text)) ?? own;
    }
  }
  if (command.level === 'admin' || command.level === 'operator') crew.refresh();
  return own;
}
