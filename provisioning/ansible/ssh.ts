import { spawn } from 'node:child_process';
import type { Workspace } from '../inventory/workspace.ts';

export interface SshResult {
  /** Of what ran there; 255: ssh itself failed. */
  code: number;
  out: string;
  err: string;
}

const OUTPUT_MAX = 4 << 20;
const CONNECT_TIMEOUT_S = 8;

/** The words of an ssh(1) line to a node, as the playbooks reach it. */
export function sshWords({ cluster, access }: Workspace, name: string): string[] {
  const { address } = cluster.nodes.find((node) => node.name === name)!;
  return [
    ...['ssh', '-o', 'BatchMode=yes', '-o', `ConnectTimeout=${CONNECT_TIMEOUT_S}`],
    ...['-o', 'StrictHostKeyChecking=accept-new'],
    ...(access.key === undefined ? [] : ['-i', access.key]),
    ...(access.port === undefined ? [] : ['-p', String(access.port)]),
    `${access.user}@${address}`,
    '--',
  ];
}

/** `sudo` where the user is not root already. */
export function asRoot({ access }: Workspace, words: readonly string[]): string[] {
  return access.user === 'root' ? [...words] : ['sudo', '-n', ...words];
}

/** Runs a line on a node and waits for its end. Never rejects. */
export function sshRun(
  workspace: Workspace,
  name: string,
  words: readonly string[],
): Promise<SshResult> {
  const [program = '', ...args] = [...sshWords(workspace, name), ...asRoot(workspace, words)];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (out.length < OUTPUT_MAX) out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (err.length < OUTPUT_MAX) err += text;
  });
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: 255, out, err: String(error) }));
    child.once('close', (code) => resolve({ code: code ?? 255, out, err }));
  });
}
