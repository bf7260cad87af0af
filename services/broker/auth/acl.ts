import type { AclRule, MqttUser } from '#core/config/cluster.ts';
import { matchesFilter } from '../codec/topic.ts';

export type Action = 'read' | 'write';

interface Rule {
  filter: string;
  read: boolean;
  write: boolean;
}

const DOLLAR = 0x24;
/** Topics of one client whose verdict is remembered. */
const REMEMBERED = 256;

/** What one client may do: its rules with `%u` and `%c` filled in, the user's own first. */
export class AccessList {
  readonly #admin: boolean;
  readonly #sys: boolean;
  readonly #rules: readonly Rule[];
  /** Every topic that does not begin with $ is allowed. */
  readonly #open: boolean;
  /** By topic: whether the client may publish there, where rules say. */
  #writes: Map<string, boolean> | undefined;
  /** Told of each publish and subscribe that is refused; what is merely not delivered is none. */
  onRefusal: ((action: 'publish' | 'subscribe', topic: string) => void) | undefined;

  /** `sys`: may read `$SYS` without being an admin. */
  constructor(options: { admin: boolean; sys: boolean; rules: readonly Rule[] }) {
    this.#admin = options.admin;
    this.#sys = options.sys;
    this.#rules = options.rules;
    this.#open = options.admin || options.rules.length === 0;
  }

  allows(action: Action, topic: string): boolean {
    if (topic.charCodeAt(0) === DOLLAR) {
      // The brokers' own words in the log.
      if (topic.startsWith('$bramble/')) return false;
    } else if (this.#open) {
      return true;
    }
    if (action === 'read') return this.#permits('read', topic);
    if (this.#mayWrite(topic)) return true;
    this.onRefusal?.('publish', topic);
    return false;
  }

  #mayWrite(topic: string): boolean {
    const known = this.#writes?.get(topic);
    if (known !== undefined) return known;
    const verdict = this.#permits('write', topic);
    this.#writes ??= new Map();
    if (this.#writes.size >= REMEMBERED) this.#writes.clear();
    this.#writes.set(topic, verdict);
    return verdict;
  }

  /**
   * Whether a subscription makes sense at all. A filter may match more than the client may read:
   * what is delivered is asked for topic by topic, so `#` under rules is granted and filtered, and
   * only a filter of which nothing could ever be read is refused.
   */
  allowsFilter(filter: string): boolean {
    if (filter.startsWith('$bramble/')) return false;
    if (this.#permitsFilter(filter)) return true;
    this.onRefusal?.('subscribe', filter);
    return false;
  }

  #permits(action: Action, topic: string): boolean {
    if (topic.startsWith('$SYS/') || topic === '$SYS') {
      return action === 'read' && (this.#admin || this.#sys);
    }
    if (this.#open) return true;
    for (const rule of this.#rules) {
      if (matchesFilter(rule.filter, topic)) return rule[action];
    }
    return false;
  }

  #permitsFilter(filter: string): boolean {
    if (filter.startsWith('$SYS/') || filter === '$SYS') return this.#admin || this.#sys;
    if (this.#open) return true;
    for (const rule of this.#rules) {
      if (rule.read && overlaps(rule.filter, filter)) return true;
      if (!rule.read && covers(rule.filter, filter)) return false;
    }
    return false;
  }
}

/** Builds the list of one client. Rules whose `%u` or `%c` would smuggle in a wildcard are void. */
export function accessListFor(
  user: MqttUser | undefined,
  everyone: readonly AclRule[],
  clientId: string,
  sysForAnonymous: boolean,
): AccessList {
  const own = [...(user?.acl ?? []), ...everyone];
  const rules = own.flatMap(({ topic, access }): Rule[] => {
    const filter = fill(topic, user?.name ?? '', clientId);
    if (filter === undefined) {
      // What cannot be filled in safely grants nothing, but a deny must not be lost with it.
      return access === 'deny' ? [{ filter: '#', read: false, write: false }] : [];
    }
    return [
      {
        filter,
        read: access === 'read' || access === 'readwrite',
        write: access === 'write' || access === 'readwrite',
      },
    ];
  });
  const admin = user?.admin ?? false;
  // Rules that all fell away are still rules: nothing is allowed then.
  const voided = own.length > 0 && rules.length === 0;
  return new AccessList({
    admin,
    sys: user === undefined && sysForAnonymous,
    rules: voided ? [{ filter: '#', read: false, write: false }] : rules,
  });
}

const UNSAFE = /[+#/]/;

function fill(pattern: string, user: string, clientId: string): string | undefined {
  if (pattern.includes('%u') && (user === '' || UNSAFE.test(user))) return undefined;
  if (pattern.includes('%c') && (clientId === '' || UNSAFE.test(clientId))) return undefined;
  return pattern.replaceAll(/%[uc]/g, (name) => (name === '%u' ? user : clientId));
}

/** Whether some topic matches both filters. */
export function overlaps(a: string, b: string): boolean {
  if ((a.startsWith('$') && /^[+#]/.test(b)) || (b.startsWith('$') && /^[+#]/.test(a))) {
    return false;
  }
  const left = a.split('/');
  const right = b.split('/');
  for (let i = 0; ; i++) {
    const l = left[i];
    const r = right[i];
    if (l === '#' || r === '#') return true;
    if (l === undefined || r === undefined) {
      return l === r;
    }
    if (l !== '+' && r !== '+' && l !== r) return false;
  }
}

/** Whether every topic that `inner` matches is matched by `outer`. */
export function covers(outer: string, inner: string): boolean {
  if (inner.startsWith('$') && /^[+#]/.test(outer)) return false;
  const wide = outer.split('/');
  const narrow = inner.split('/');
  for (let i = 0; ; i++) {
    const w = wide[i];
    const n = narrow[i];
    if (w === '#') return true;
    if (w === undefined || n === undefined) return w === n;
    if (n === '#' || (n === '+' && w !== '+') || (w !== '+' && w !== n)) return false;
  }
}
