import { spawn } from 'node:child_process';
import { explain } from '../ansible/faults.ts';
import { asRoot, sshWords } from '../ansible/ssh.ts';
import { addressOf } from '../apply/failure.ts';
import { CLUSTER_OPTIONS, chosenNodes, openWorkspace } from '../inventory/workspace.ts';
import { usage } from './admin-options.ts';
import type { Command, Values } from './command.ts';
import { EXIT } from './exit-codes.ts';

const LINES = 100;
const LINES_MAX = 100_000;
const SERVICES = ['nats', 'broker', 'balancer', 'bridge', 'stats', 'watchdog', 'vip', 'keepalived'];
const SSH_FAILED = 255;

export const logsCommand: Command = {
  name: 'logs',
  summary: "Show what a node's services have said",
  positionals: ['NODE'],
  options: {
    service: { type: 'string', value: 'NAME', text: `one of ${SERVICES.join(', ')}` },
    lines: { type: 'number', value: 'N', min: 1, max: LINES_MAX, text: `the last ones (${LINES})` },
    since: { type: 'string', value: 'WHEN', text: 'as journalctl takes it: -15min, today, 12:30' },
    follow: { type: 'flag', text: 'go on with what comes, until Ctrl-C' },
    ...CLUSTER_OPTIONS,
  },
  examples: [
    { line: 'bramble logs pi2', text: 'everything of ours there' },
    { line: 'bramble logs pi2 --service broker --follow', text: 'what it says now' },
  ],
  async run({ values, positionals }) {
    const workspace = openWorkspace(values);
    const [name = ''] = chosenNodes(workspace, positionals[0]) ?? [];
    const [program = '', ...args] = [
      ...sshWords(workspace, name),
      ...asRoot(workspace, journalWords(values)),
    ];
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-8_000);
    });
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exit) => resolve(exit ?? EXIT.OK));
    });
    if (code === 0) return EXIT.OK;
    const fault = code === SSH_FAILED ? explain(said, addressOf(workspace, name)) : undefined;
    process.stderr.write(fault === undefined ? said : `bramble: ${fault.what}\n  ${fault.mend}\n`);
    return EXIT.FAILURE;
  },
};

/** Throws USAGE. What comes from the command line is quoted for the shell over there. */
export function journalWords(values: Values): string[] {
  const service = values.service as string | undefined;
  if (service !== undefined && !SERVICES.includes(service)) {
    usage(`no service "${service}"`, `known: ${SERVICES.join(', ')}`);
  }
  const since = values.since as string | undefined;
  if (since !== undefined && !/^[\w:+. -]{1,40}$/.test(since)) {
    usage(`--since "${since}" is no time`, 'write e.g. --since -15min');
  }
  return [
    ...['journalctl', '--boot', '--no-pager'],
    `--unit='bramble-${service ?? '*'}'`,
    `--lines=${(values.lines as number | undefined) ?? LINES}`,
    `--output=${values.json === true ? 'json' : 'short-iso'}`,
    ...(since === undefined ? [] : [`--since='${since}'`]),
    ...(values.follow === true ? ['--follow'] : []),
  ];
}
