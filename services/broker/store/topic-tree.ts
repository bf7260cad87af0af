interface TreeNode<V> {
  children: Map<string, TreeNode<V>> | undefined;
  value: V | undefined;
}

const newNode = <V>(): TreeNode<V> => ({ children: undefined, value: undefined });

/** Values by topic name, to be found by filter: the mirror image of SubscriptionTrie. */
export class TopicTree<V> {
  readonly #root: TreeNode<V> = newNode();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(topic: string): V | undefined {
    let node: TreeNode<V> | undefined = this.#root;
    for (const level of topic.split('/')) {
      node = node.children?.get(level);
      if (node === undefined) return undefined;
    }
    return node.value;
  }

  set(topic: string, value: V): void {
    let node = this.#root;
    for (const level of topic.split('/')) {
      node.children ??= new Map();
      let next = node.children.get(level);
      if (next === undefined) {
        next = newNode();
        node.children.set(level, next);
      }
      node = next;
    }
    if (node.value === undefined) this.#size++;
    node.value = value;
  }

  delete(topic: string): boolean {
    const levels = topic.split('/');
    const path: TreeNode<V>[] = [this.#root];
    for (const level of levels) {
      const next = path[path.length - 1]!.children?.get(level);
      if (next === undefined) return false;
      path.push(next);
    }
    const last = path[path.length - 1]!;
    if (last.value === undefined) return false;
    last.value = undefined;
    this.#size--;
    for (let depth = levels.length; depth > 0; depth--) {
      const node = path[depth]!;
      if (node.value !== undefined || node.children !== undefined) break;
      const parent = path[depth - 1]!;
      parent.children!.delete(levels[depth - 1]!);
      if (parent.children!.size === 0) parent.children = undefined;
    }
    return true;
  }

  /** The values of all topics that the filter matches (MQTT 4.7). */
  *match(filter: string): Generator<V> {
    const levels = filter.split('/');
    const stack: [TreeNode<V>, number][] = [[this.#root, 0]];
    for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
      const [node, depth] = item;
      const level = levels[depth];
      if (level === undefined || level === '#') {
        if (node !== this.#root && node.value !== undefined) yield node.value;
        if (level === undefined) continue;
      }
      if (node.children === undefined) continue;
      if (level === '#' || level === '+') {
        for (const [name, child] of node.children) {
          // [MQTT-4.7.2-1]
          if (node === this.#root && name.charCodeAt(0) === 0x24) continue;
          stack.push([child, level === '#' ? depth : depth + 1]);
        }
        continue;
      }
      const child = node.children.get(level);
      if (child !== undefined) stack.push([child, depth + 1]);
    }
  }

  *values(): Generator<V> {
    const stack: TreeNode<V>[] = [this.#root];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (node.value !== undefined) yield node.value;
      for (const child of node.children?.values() ?? []) stack.push(child);
    }
  }
}
