import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { ConfigError, type ConfigProblem } from '#core/config/yaml-file.ts';
import { BrambleError, describeError, ERROR_CODES, systemCode } from '#core/errors.ts';
import { askFor, type Given, withDefaults } from '../init/ask.ts';
import { type InitAnswers, type InitNode, newCluster } from '../init/cluster-text.ts';
import { judgeCluster } from '../validate/advice.ts';
import { print, printJson, usage } from './admin-options.ts';
import type { Command, Values } from './command.ts';
import { EXIT } from './exit-codes.ts';

const FILE = 'cluster.yaml';
const PRIVATE = 0o600;

export const initCommand: Command = {
  name: 'init',
  summary: 'Write a new cluster.yaml with generated credentials; asks for what is not given',
  positionals: ['[FILE]'],
  options: {
    nodes: { type: 'string', value: 'LIST', text: 'name=address of each, with commas between' },
    vip: { type: 'string', value: 'ADDRESS', text: 'the address that moves to a living node' },
    name: { type: 'string', value: 'NAME', text: 'of the cluster (home)' },
    user: { type: 'string', value: 'NAME', text: 'the first MQTT user (owner)' },
    json: {
      type: 'flag',
      text: 'asks nothing; one JSON object: {"file":…,"nodes":…,"warnings":[…]}',
    },
  },
  details: `Without FILE it is cluster.yaml in this folder. A file that is there is never overwritten. Only
its owner may read it (mode 600), and the credentials are nowhere but in it.`,
  examples: [
    { line: 'bramble init', text: 'asks' },
    {
      line: 'bramble init --nodes pi1=192.168.1.11,pi2=192.168.1.12,pi3=192.168.1.13 --vip 192.168.1.10',
      text: 'three Pis behind one address',
    },
  ],
  async run({ values, positionals }) {
    const file = positionals[0] ?? FILE;
    const given = readGiven(values);
    const asks = values.json !== true && process.stdin.isTTY === true;
    const answers = asks
      ? await askFor({ input: process.stdin, output: process.stderr, given, problem })
      : withDefaults(given);
    const text = newCluster(answers);
    const warnings = judged(text);
    write(file, text);
    if (values.json) printJson({ file: path.resolve(file), nodes: answers.nodes, warnings });
    else print(summary(file, answers, warnings));
    return EXIT.OK;
  },
};

function readGiven(values: Values): Given {
  const text = (name: string) => values[name] as string | undefined;
  const list = text('nodes');
  return {
    ...(text('name') === undefined ? {} : { name: text('name')! }),
    ...(text('vip') === undefined ? {} : { vip: text('vip')! }),
    ...(text('user') === undefined ? {} : { user: text('user')! }),
    ...(list === undefined ? {} : { nodes: readNodes(list) }),
  };
}

/** `pi1=192.168.1.11,pi2=…`; a bare address gets the next free name. */
export function readNodes(list: string): InitNode[] {
  return list.split(',').map((item, index) => {
    const [left = '', right, ...rest] = item.trim().split('=');
    if (left === '' || right === '' || rest.length > 0) {
      usage(
        `--nodes: "${item}" is no name=address`,
        'write e.g. --nodes pi1=192.168.1.11,pi2=192.168.1.12',
      );
    }
    return right === undefined
      ? { name: `pi${index + 1}`, address: left }
      : { name: left, address: right };
  });
}

/** Why cluster.yaml would not be accepted with these answers. Nodes may still be missing. */
function problem(answers: InitAnswers): string | undefined {
  const nodes = answers.nodes.length > 0 ? answers.nodes : [{ name: 'pi1', address: '192.0.2.1' }];
  try {
    judgeCluster(newCluster({ ...answers, nodes }), FILE);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.problems[0]?.message;
    throw error;
  }
}

/** Throws USAGE: the file would be one that nobody has written by hand. */
function judged(text: string): readonly ConfigProblem[] {
  try {
    return judgeCluster(text, FILE).warnings;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const why = error.problems.map(({ message }) => message).join('; ');
    throw new BrambleError(ERROR_CODES.USAGE, `no cluster can be made of this: ${why}`);
  }
}

/** Throws STORAGE; a file that is there is left as it is. */
function write(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: PRIVATE, flag: 'wx', flush: true });
  } catch (cause) {
    const isThere = systemCode(cause) === 'EEXIST';
    const message = isThere ? `${file} is there already` : `${file}: ${describeError(cause)}`;
    const hint = isThere
      ? 'name another file: bramble init FILE'
      : 'name a folder that you may write to';
    throw new BrambleError(ERROR_CODES.STORAGE, message, { cause, hint });
  }
}

function summary(file: string, answers: InitAnswers, warnings: readonly ConfigProblem[]): string {
  const nodes = answers.nodes.map(({ name }) => name).join(', ');
  return [
    `wrote ${file}: cluster "${answers.name}", ${nodes}${answers.vip === undefined ? '' : `, behind ${answers.vip}`}`,
    `the password of MQTT user "${answers.user}" is in it; only you may read it`,
    ...warnings.map(({ line, message }) => `warning: line ${line}: ${message}`),
    '',
    'next:',
    `  bramble validate ${file}`,
    '',
  ].join('\n');
}
