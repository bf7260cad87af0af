import { readFile } from 'node:fs/promises';
import { NODE_PROBLEMS, nodeProblemsSchema } from '#core/contracts/node-problems.ts';
import { systemCode } from '#core/errors.ts';

const UNREADABLE = `${NODE_PROBLEMS} cannot be read: what this node has noticed is not known`;

/** What this machine has noticed of itself; nothing on one that does not look. Never rejects. */
export async function readProblems(file = NODE_PROBLEMS): Promise<string[]> {
  try {
    return nodeProblemsSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    return systemCode(error) === 'ENOENT' ? [] : [UNREADABLE];
  }
}
