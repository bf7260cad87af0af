import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { findProgram } from '../dev/find-program.ts';
import { type HostSummary, type PlaybookEvent, parseEvent } from './events.ts';

export const ANSIBLE_DIR = fileURLToPath(new URL('../../ansible', import.meta.url));

export interface PlaybookOptions {
  /** Name of a file in ansible/playbooks, without `.yml`. */
  playbook: string;
  inventory: string;
  /** Extra variables; no secrets, since other users see a command line. */
  vars: Readonly<Record<string, string>>;
  /** Names of nodes; all without it. */
  limit?: readonly string[] | undefined;
  check?: boolean;
  onEvent: (event: PlaybookEvent) => void;
  signal?: AbortSignal;
}

export interface PlaybookResult {
  code: number;
  hosts: Record<string, HostSummary>;
  /** Lines that were no events: what ansible says when it cannot even start. */
  noise: string;
}

const NOISE_MAX = 8_000;

/** The line that a person would type for the same. */
export function commandLine(options: Omit<PlaybookOptions, 'onEvent'>): string[] {
  const { playbook, inventory, vars, limit, check } = options;
  return [
    'ansible-playbook',
    '-i',
    inventory,
    path.join(ANSIBLE_DIR, 'playbooks', `${playbook}.yml`),
    ...Object.entries(vars).flatMap(([name, value]) => ['-e', extra(name, value)]),
    ...(limit === undefined ? [] : ['--limit', limit.join(',')]),
    ...(check === true ? ['--check', '--diff'] : []),
  ];
}

/** ansible splits name=value at spaces; JSON it takes as it is. */
function extra(name: string, value: string): string {
  return /^[\w@%+:,./-]*$/.test(value) ? `${name}=${value}` : JSON.stringify({ [name]: value });
}

/** As one would type it, with quotes where a shell needs them. */
export function shellLine(words: readonly string[]): string {
  const quoted = (word: string) =>
    /^[A-Za-z0-9@%+=:,./_-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
  const config = path.join(ANSIBLE_DIR, 'ansible.cfg');
  return `ANSIBLE_CONFIG=${quoted(config)} ${words.map(quoted).join(' ')}`;
}

/**
 * Runs one playbook to its end and tells what it does. Resolves also when it fails. Rejects with
 * PROGRAM_MISSING.
 */
export async function runPlaybook(options: PlaybookOptions): Promise<PlaybookResult> {
  requirePrograms();
  const [program = '', ...args] = commandLine(options);
  const child = spawn(program, args, {
    env: {
      ...process.env,
      ANSIBLE_CONFIG: path.join(ANSIBLE_DIR, 'ansible.cfg'),
      ANSIBLE_STDOUT_CALLBACK: 'bramble_events',
      ANSIBLE_NOCOLOR: '1',
      ANSIBLE_DEPRECATION_WARNINGS: '0',
      PYTHONUNBUFFERED: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const onAbort = (): void => {
    child.kill('SIGINT');
  };
  options.signal?.addEventListener('abort', onAbort, { once: true });
  let noise = '';
  let hosts: Record<string, HostSummary> = {};
  const take = (line: string): void => {
    const event = parseEvent(line);
    if (event === undefined) noise = `${noise}${line}\n`.slice(-NOISE_MAX);
    else if (event.event === 'end') hosts = event.hosts;
    if (event !== undefined) options.onEvent(event);
  };
  createInterface({ input: child.stdout }).on('line', take);
  createInterface({ input: child.stderr }).on('line', take);
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit) => resolve(exit ?? 1));
  });
  options.signal?.removeEventListener('abort', onAbort);
  return { code, hosts, noise: noise.trim() };
}

function requirePrograms(): void {
  for (const name of ['ansible-playbook', 'ssh']) {
    if (findProgram(name) !== undefined) continue;
    throw new BrambleError(ERROR_CODES.PROGRAM_MISSING, `${name} is not installed`, {
      hint: 'run: make setup-ansible (or: sudo apt-get install ansible openssh-client)',
    });
  }
  if (existsSync(path.join(ANSIBLE_DIR, 'playbooks'))) return;
  throw new BrambleError(ERROR_CODES.PROGRAM_MISSING, `no playbooks in ${ANSIBLE_DIR}`, {
    hint: "use the bramble command of a checkout: a node's own release has none",
  });
}
