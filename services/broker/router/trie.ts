interface TrieNode<K, V> {
  children: Map<string, TrieNode<K, V>> | undefined;
  /** Those whose filter ends here. */
  entries: Map<K, V> | undefined;
}

const newNode = <K, V>(): TrieNode<K, V> => ({ children: undefined, entries: undefined });

/**
 * Filters, level by level, each with its subscribers (`K`) and their options (`V`). Matching walks
 * the levels with a list of live nodes: no recursion, and no work for filters that do not match.
 */
export class SubscriptionTrie<K, V> {
  readonly #root: TrieNode<K, V> = newNode();
  readonly #wildcardsSeeDollar: boolean;
  #size = 0;
  /** Changes with each change, so that a cached match can be told from a stale one. */
  generation = 0;

  /** `wildcardsSeeDollar`: a leading wildcard matches `$` topics too, unlike [MQTT-4.7.2-1]. */
  constructor(options: { wildcardsSeeDollar?: boolean } = {}) {
    this.#wildcardsSeeDollar = options.wildcardsSeeDollar ?? false;
  }

  /** Number of (filter, subscriber) pairs. */
  get size(): number {
    return this.#size;
  }

  /** Adds or replaces; returns whether the pair is new. */
  set(filter: string, key: K, value: V): boolean {
    let node = this.#root;
    for (const level of filter.split('/')) {
      node.children ??= new Map();
      let next = node.children.get(level);
      if (next === undefined) {
        next = newNode();
        node.children.set(level, next);
      }
      node = next;
    }
    node.entries ??= new Map();
    const before = node.entries.size;
    node.entries.set(key, value);
    this.generation++;
    if (node.entries.size === before) return false;
    this.#size++;
    return true;
  }

  get(filter: string, key: K): V | undefined {
    return this.#find(filter)?.entries?.get(key);
  }

  has(filter: string): boolean {
    return (this.#find(filter)?.entries?.size ?? 0) > 0;
  }

  /** Everyone subscribed with exactly this filter. */
  at(filter: string): ReadonlyMap<K, V> | undefined {
    return this.#find(filter)?.entries;
  }

  delete(filter: string, key: K): boolean {
    const levels = filter.split('/');
    const path: TrieNode<K, V>[] = [this.#root];
    for (const level of levels) {
      const next = path[path.length - 1]!.children?.get(level);
      if (next === undefined) return false;
      path.push(next);
    }
    const last = path[path.length - 1]!;
    if (!last.entries?.delete(key)) return false;
    if (last.entries.size === 0) last.entries = undefined;
    this.#size--;
    this.generation++;
    for (let depth = levels.length; depth > 0; depth--) {
      const node = path[depth]!;
      if (node.entries !== undefined || node.children !== undefined) break;
      const parent = path[depth - 1]!;
      parent.children!.delete(levels[depth - 1]!);
      if (parent.children!.size === 0) parent.children = undefined;
    }
    return true;
  }

  /** Calls `visit` for every pair whose filter matches the topic. */
  match(topic: string, visit: (key: K, value: V) => void): void {
    const levels = topic.split('/');
    const dollar = !this.#wildcardsSeeDollar && topic.charCodeAt(0) === 0x24;
    let live: TrieNode<K, V>[] = [this.#root];
    for (const [depth, level] of levels.entries()) {
      const next: TrieNode<K, V>[] = [];
      const wildcards = depth > 0 || !dollar;
      for (const { children } of live) {
        if (children === undefined) continue;
        const exact = children.get(level);
        if (exact !== undefined) next.push(exact);
        if (!wildcards) continue;
        const plus = children.get('+');
        if (plus !== undefined) next.push(plus);
        const hash = children.get('#');
        if (hash !== undefined) visitAll(hash, visit);
      }
      if (next.length === 0) return;
      live = next;
    }
    for (const node of live) {
      // `a/#` also matches `a` (4.7.1.2).
      const hash = node.children?.get('#');
      if (hash !== undefined) visitAll(hash, visit);
      visitAll(node, visit);
    }
  }

  #find(filter: string): TrieNode<K, V> | undefined {
    let node: TrieNode<K, V> | undefined = this.#root;
    for (const level of filter.split('/')) {
      node = node.children?.get(level);
      if (node === undefined) return undefined;
    }
    return node;
  }
}

function visitAll<K, V>(node: TrieNode<K, V>, visit: (key: K, value: V) => void): void {
  if (node.entries === undefined) return;
  for (const [key, value] of node.entries) visit(key, value);
}
