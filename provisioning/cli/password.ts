import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { hashPasswordArgon2 } from '#core/passwords.ts';
import { usage } from './admin-options.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

export const passwordCommand: Command = {
  name: 'password',
  summary: 'Hash a password for mqtt.users in cluster.yaml (argon2id)',
  positionals: [],
  options: {},
  details: `The password is read from the terminal, which does not show it, or from standard input: one
line. It is never part of the command line, where other users of the machine could see it.`,
  examples: [{ line: 'bramble password', text: 'asks for it and prints its hash' }],
  async run() {
    const password = await readPassword();
    if (password === '') usage('no password was given', 'type one, or pipe it in');
    process.stdout.write(`${await hashPasswordArgon2(password)}\n`);
    return EXIT.OK;
  },
};

async function readPassword(): Promise<string> {
  const terminal = process.stdin.isTTY === true;
  if (terminal) process.stderr.write('Password: ');
  // What is typed would be echoed to the output.
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output, terminal });
  try {
    for await (const line of lines) return line;
    return '';
  } finally {
    lines.close();
    if (terminal) process.stderr.write('\n');
  }
}
