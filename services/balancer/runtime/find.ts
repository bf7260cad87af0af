import type { Command, CommandTable } from './command.ts';

/** The command with the most words that these begin with. */
export function findCommand(table: CommandTable, words: readonly string[]): Command | undefined {
  let best: Command | undefined;
  for (const command of table) {
    const own = command.name.split(' ');
    if (!own.every((word, index) => words[index] === word)) continue;
    if (!best || command.name.length > best.name.length) best = command;
  }
  return best;
}
