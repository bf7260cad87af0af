import { nearest } from '#core/config/nearest.ts';
import type { CommandTable } from './command.ts';

/** Column at which the explanations begin. */
const USAGE_WIDTH = 40;

/** They belong to the session, and come last in every list. */
const OWN: CommandTable = [
  {
    name: 'help',
    usage: 'help [<command>]',
    summary: 'list matching or all commands',
    run: () => ({ text: '' }),
  },
  {
    name: 'prompt',
    usage: 'prompt',
    summary: 'toggle interactive mode with prompt',
    run: () => ({ text: '' }),
  },
  { name: 'quit', usage: 'quit', summary: 'disconnect', run: () => ({ text: '' }) },
];

const line = ({ usage, summary }: CommandTable[number]): string =>
  `  ${usage.padEnd(USAGE_WIDTH)}: ${summary}\n`;

/** `help`: all commands, or those that match the words. */
export function helpText(table: CommandTable, words: readonly string[]): string {
  const listed = table.filter((command) => !command.hidden);
  const shown = words.length === 0 ? listed : matching(listed, words);
  const lines = [...shown, ...OWN].map(line).join('');
  return `The following commands are valid at this level:\n${lines}`;
}

/** The answer to a command that is none. */
export function unknownText(table: CommandTable, words: readonly string[]): string {
  const listed = table.filter((command) => !command.hidden);
  if (words.length === 0) {
    const lines = [...listed, ...OWN].map(line).join('');
    return `Unknown command. Please enter one of the following commands only:\n${lines}`;
  }
  const lines = [...matching(listed, words), ...OWN].map(line).join('');
  return `Unknown command, but maybe one of the following ones is a better match:\n${lines}`;
}

/** Those that begin with the words; else those nearest to the first word that fits nowhere. */
function matching(table: CommandTable, words: readonly string[]): CommandTable {
  let candidates = table;
  for (const [index, word] of words.entries()) {
    const wordOf = (name: string): string => name.split(' ')[index] ?? '';
    const exact = candidates.filter(({ name }) => wordOf(name) === word);
    if (exact.length > 0) {
      candidates = exact;
      continue;
    }
    const starting = candidates.filter(({ name }) => word !== '' && wordOf(name).startsWith(word));
    if (starting.length > 0) return starting;
    const inside = table.filter(({ name }) => index === 0 && name.split(' ').includes(word));
    if (inside.length > 0) return inside;
    const close = nearest(
      word,
      candidates.map(({ name }) => wordOf(name)),
    );
    return close === undefined
      ? candidates
      : candidates.filter(({ name }) => wordOf(name) === close);
  }
  return candidates;
}
