import type { Command } from '../cli/command.ts';

const optionNames = (command: Command): string[] => [
  ...Object.keys(command.options).map((name) => `--${name}`),
  '--help',
];

const valued = (command: Command): string[] =>
  Object.entries(command.options)
    .filter(([, { type }]) => type !== 'flag')
    .map(([name]) => `--${name}`);

/** Options of the command that was typed; the commands before that; files as values. */
export function bashCompletion(commands: readonly Command[]): string {
  const cases = commands.map(
    (command) => `    ${command.name}) options='${optionNames(command).join(' ')}' ;;`,
  );
  const files = new Set(commands.flatMap(valued));
  return `# bramble's commands and options for bash: source <(bramble completion bash)
_bramble() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} options
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W '${commands.map(({ name }) => name).join(' ')}' -- "$word")
    return
  fi
  case $before in
    ${[...files].sort().join(' | ')}) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
  esac
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
    *) return ;;
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}
complete -F _bramble bramble
`;
}

export function zshCompletion(commands: readonly Command[]): string {
  const rows = commands.map(({ name, summary }) => `    ${word(`${name}:${summary}`)}`);
  const cases = commands.map((command) => {
    const specs = Object.entries(command.options).map(([name, spec]) => {
      const text = spec.text.replaceAll(/[[\]:]/g, (sign) => `\\${sign}`);
      return word(`--${name}[${text}]${spec.type === 'flag' ? '' : `:${spec.value}:_files`}`);
    });
    return `    ${command.name}) _arguments ${[...specs, "'--help[what it does]'", "'*:file:_files'"].join(' ')} ;;`;
  });
  return `#compdef bramble
# bramble's commands and options for zsh: source <(bramble completion zsh)
_bramble() {
  local -a commands=(
${rows.join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${cases.join('\n')}
  esac
}
compdef _bramble bramble
`;
}

export function fishCompletion(commands: readonly Command[]): string {
  const lines = commands.flatMap((command) => [
    `complete -c bramble -n __fish_use_subcommand -f -a ${command.name} -d ${word(command.summary)}`,
    ...Object.entries(command.options).map(
      ([name, spec]) =>
        `complete -c bramble -n '__fish_seen_subcommand_from ${command.name}' -l ${name}${spec.type === 'flag' ? '' : ' -r'} -d ${word(spec.text)}`,
    ),
  ]);
  return `# bramble's commands and options for fish
${lines.join('\n')}
complete -c bramble -l help -d 'what it does'
`;
}

/** One word for a shell. */
function word(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
