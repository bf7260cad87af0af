import { createInterface } from 'node:readline/promises';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { InitAnswers, InitNode } from './cluster-text.ts';

/** What the command line has told already. */
export type Given = Partial<InitAnswers> & { nodes?: readonly InitNode[] };

export interface AskOptions {
  input: NodeJS.ReadableStream;
  output: NodeJS.WritableStream;
  given: Given;
  /** Why an answer cannot be; undefined: it can. Asked after each one. */
  problem: (answers: InitAnswers) => string | undefined;
}

const NAME = 'home';
const USER = 'owner';

/** What is taken where nobody is there to be asked. Throws USAGE without nodes. */
export function withDefaults(given: Given): InitAnswers {
  if (given.nodes === undefined) {
    throw new BrambleError(ERROR_CODES.USAGE, 'bramble init: which nodes are there?', {
      hint: 'write e.g. --nodes pi1=192.168.1.11,pi2=192.168.1.12,pi3=192.168.1.13',
    });
  }
  return { name: given.name ?? NAME, nodes: given.nodes, vip: given.vip, user: given.user ?? USER };
}

/** Asks for what is not given. An answer that cannot be is asked for again, with the reason. */
export async function askFor({ input, output, given, problem }: AskOptions): Promise<InitAnswers> {
  const lines = createInterface({ input, output });
  const typed = lines[Symbol.asyncIterator]();
  const ask = async (question: string, otherwise: string): Promise<string> => {
    output.write(`${question}${otherwise === '' ? '' : ` [${otherwise}]`}: `);
    const { value, done } = await typed.next();
    if (done) throw new BrambleError(ERROR_CODES.USAGE, 'bramble init: the answers ended early');
    return (value as string).trim() || otherwise;
  };
  let soFar: InitAnswers = { name: NAME, nodes: [], vip: undefined, user: USER, ...given };
  const until = async (change: () => Promise<Partial<InitAnswers>>): Promise<void> => {
    for (;;) {
      const next = { ...soFar, ...(await change()) };
      const why = problem(next);
      if (why === undefined) {
        soFar = next;
        return;
      }
      output.write(`  ${why}\n`);
    }
  };
  try {
    if (given.name === undefined) {
      await until(async () => ({ name: await ask('Name of the cluster', NAME) }));
    }
    if (given.nodes === undefined) {
      output.write('Addresses that stay: give each Pi a fixed one in your router.\n');
      for (;;) {
        const { nodes } = soFar;
        const last = nodes.length > 0 ? ' (nothing: that was the last)' : '';
        await until(async () => {
          const address = await ask(`Address of node ${nodes.length + 1}${last}`, '');
          if (address === '') return {};
          const name = await ask('  its name', `pi${nodes.length + 1}`);
          return { nodes: [...nodes, { name, address }] };
        });
        if (nodes.length > 0 && soFar.nodes.length === nodes.length) break;
      }
    }
    if (given.vip === undefined && soFar.nodes.length > 1) {
      await until(async () => {
        const vip = await ask('Address that the whole cluster has (nothing: none)', '');
        return { vip: vip === '' ? undefined : vip };
      });
    }
    if (given.user === undefined) {
      await until(async () => ({ user: await ask('First MQTT user', USER) }));
    }
    return soFar;
  } finally {
    lines.close();
  }
}
