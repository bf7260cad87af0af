/** Most words that a command may have; what follows is left out, as HAProxy does. */
const MAX_WORDS = 64;

/** The commands of one line: `;` separates them unless a backslash stands before it. */
export function splitCommands(line: string): string[] {
  const commands: string[] = [];
  let from = 0;
  for (let at = 0; at < line.length; at++) {
    if (line[at] === '\\') at += 1;
    else if (line[at] === ';') {
      commands.push(line.slice(from, at));
      from = at + 1;
    }
  }
  commands.push(line.slice(from));
  return commands;
}

/** The words of one command; a backslash takes the meaning off the character behind it. */
export function splitWords(command: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < command.length; at++) {
    const char = command[at]!;
    if (char === '\\' && at + 1 < command.length) {
      at += 1;
      word = (word ?? '') + command[at];
    } else if (char === ' ' || char === '\t' || char === '\r') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + char;
  }
  if (word !== undefined) words.push(word);
  return words.slice(0, MAX_WORDS);
}
