import { parseShared } from '../codec/topic.ts';
import { SubscriptionTrie } from './trie.ts';

/** A shared subscription as the other nodes have it. */
export interface RemoteShare {
  /** `$share/{name}/{filter}`. */
  key: string;
  /** Members by node. */
  readonly nodes: Map<string, number>;
  /** All members elsewhere. */
  total: number;
}

/** The members of shared subscriptions on the other nodes, as those announce them. */
export class RemoteShares {
  readonly #trie = new SubscriptionTrie<RemoteShare, true>();
  readonly #byKey = new Map<string, RemoteShare>();

  get size(): number {
    return this.#byKey.size;
  }

  /** Sets how many members a node has; 0 takes it out. */
  set(node: string, key: string, members: number): void {
    const filter = parseShared(key)?.filter;
    if (filter === undefined || !(members >= 0)) return;
    let share = this.#byKey.get(key);
    if (share === undefined) {
      if (members === 0) return;
      share = { key, nodes: new Map(), total: 0 };
      this.#byKey.set(key, share);
      this.#trie.set(filter, share, true);
    }
    share.total += members - (share.nodes.get(node) ?? 0);
    if (members > 0) share.nodes.set(node, members);
    else share.nodes.delete(node);
    if (share.nodes.size > 0) return;
    this.#byKey.delete(key);
    this.#trie.delete(filter, share);
  }

  /** Forgets all that a node has told. */
  forget(node: string): void {
    for (const [key, share] of [...this.#byKey]) if (share.nodes.has(node)) this.set(node, key, 0);
  }

  get(key: string): RemoteShare | undefined {
    return this.#byKey.get(key);
  }

  get keys(): Iterable<string> {
    return this.#byKey.keys();
  }

  match(topic: string): RemoteShare[] {
    const found: RemoteShare[] = [];
    this.#trie.match(topic, (share) => found.push(share));
    return found;
  }
}

/** The node of the `index`-th member elsewhere. */
export function nodeOfMember(share: RemoteShare, index: number): string | undefined {
  let left = index;
  for (const [node, members] of share.nodes) {
    if (left < members) return node;
    left -= members;
  }
  return undefined;
}
