import type { Position } from '../model.ts';
import { type ConfigDraft, describeProxy } from './draft.ts';
import { formatPosition, type Problems } from './problem.ts';

interface Numbered {
  /** 0 or undefined = give it one. */
  id?: number | undefined;
  position: Position;
}

/**
 * Numbers proxies (`iid`), servers (`sid`) and listeners as HAProxy does: the position in the list, moved up
 * past numbers that `id` has taken. An `id` used twice is an alert.
 */
export function numberAll(draft: ConfigDraft, problems: Problems): void {
  // The first number belongs to the runtime sockets' own proxy, where there are any.
  const from = draft.global.runtime.sockets.length > 0 ? 2 : 1;
  number(draft.proxies, from, (proxy, first) => {
    const declared = `declared at ${formatPosition(first.position)}`;
    const message = `${describeProxy(proxy)} reuses same custom id as ${describeProxy(first)} (${declared}).`;
    problems.alert(proxy.position, message);
  });
  for (const proxy of draft.proxies) {
    number(proxy.servers, 1, (server, first) => {
      const where = `${formatPosition(first.position)} ('server ${first.name}')`;
      const message = `'server ${proxy.name}/${server.name}' : 'id' : custom id ${server.id} already used at ${where}.`;
      problems.alert(server.position, message);
    });
    number(proxy.binds, 1, (bind, first) => {
      const where = formatPosition(first.position);
      problems.alert(bind.position, `'id' : custom id ${bind.id} already used at ${where}.`);
    });
  }
}

function number<T extends Numbered>(
  all: readonly T[],
  from: number,
  clash: (item: T, first: T) => void,
): void {
  const taken = new Map<number, T>();
  for (const item of all) {
    if (!item.id) continue;
    const first = taken.get(item.id);
    if (first) clash(item, first);
    else taken.set(item.id, item);
  }
  let next = from;
  for (const item of all) {
    if (!item.id) {
      while (taken.has(next)) next++;
      item.id = next;
      taken.set(next, item);
    }
    next++;
  }
}
