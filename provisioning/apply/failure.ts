import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { PlaybookResult } from '../ansible/run.ts';
import type { Workspace } from '../inventory/workspace.ts';

/** What a person would type to reach a node. */
export function addressOf({ cluster, access }: Workspace, name: string) {
  const address = cluster.nodes.find((node) => node.name === name)?.address ?? name;
  return { name, address, user: access.user };
}

/** Throws PROCESS_EXITED with what ansible itself said, where no node said anything. */
export function tellFailure({ code, noise }: PlaybookResult): never {
  throw new BrambleError(
    ERROR_CODES.PROCESS_EXITED,
    `ansible-playbook ended with ${code}${noise === '' ? '' : `:\n${noise}`}`,
  );
}
