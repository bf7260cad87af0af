import { bashCompletion, fishCompletion, zshCompletion } from '../completion/scripts.ts';
import { print, usage } from './admin-options.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

/** `commands` is asked for late, since this command is one of them. */
export function completionCommand(commands: () => readonly Command[]): Command {
  return {
    name: 'completion',
    summary: 'Print a script that lets a shell complete commands and options',
    positionals: ['SHELL'],
    options: {},
    details: `SHELL is bash, zsh or fish. Write the script to where the shell looks for it:

  bash  ~/.local/share/bash-completion/completions/bramble
  zsh   a folder of $fpath, as _bramble
  fish  ~/.config/fish/completions/bramble.fish`,
    examples: [
      { line: 'bramble completion bash', text: 'for bash' },
      { line: 'bramble completion fish', text: 'for fish' },
    ],
    async run({ positionals }) {
      const shell = positionals[0]!;
      const script = Object.hasOwn(SHELLS, shell)
        ? SHELLS[shell as keyof typeof SHELLS]
        : undefined;
      if (script === undefined) {
        usage(`no completion for "${shell}"`, `known shells: ${Object.keys(SHELLS).join(', ')}`);
      }
      print(script(commands()));
      return EXIT.OK;
    },
  };
}
