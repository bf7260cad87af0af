/** `/`, `+`, `#`, `$`. */
const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;

/** `$share/{name}/{filter}` (MQTT 5, 4.8.2). */
export interface SharedFilter {
  group: string;
  filter: string;
}

/** Number of levels of a topic or filter; `a//b` has three. */
export function levelCount(topic: string): number {
  let levels = 1;
  for (let i = 0; i < topic.length; i++) if (topic.charCodeAt(i) === SLASH) levels++;
  return levels;
}

/** Whether it is a Topic Name: not empty, no wildcard ([MQTT-3.3.2-2], [MQTT-4.7.3-1]). */
export function isTopicName(topic: string): boolean {
  if (topic.length === 0) return false;
  for (let i = 0; i < topic.length; i++) {
    const code = topic.charCodeAt(i);
    if (code === PLUS || code === HASH || code === 0) return false;
  }
  return true;
}

/** Whether it is a Topic Filter: wildcards fill a whole level, `#` is last ([MQTT-4.7.1-1], -2). */
export function isTopicFilter(filter: string): boolean {
  if (filter.length === 0) return false;
  for (let i = 0; i < filter.length; i++) {
    const code = filter.charCodeAt(i);
    if (code === 0) return false;
    if (code !== PLUS && code !== HASH) continue;
    if (i > 0 && filter.charCodeAt(i - 1) !== SLASH) return false;
    const last = i === filter.length - 1;
    if (code === HASH ? !last : !last && filter.charCodeAt(i + 1) !== SLASH) return false;
  }
  return true;
}

/** Splits `$share/group/filter`; undefined where it is not one, null where it is a wrong one. */
export function parseShared(filter: string): SharedFilter | undefined | null {
  if (!filter.startsWith('$share/')) return undefined;
  const slash = filter.indexOf('/', 7);
  if (slash < 0) return null;
  const group = filter.slice(7, slash);
  const rest = filter.slice(slash + 1);
  // [MQTT-4.8.2-1], -2: at least one character, no wildcard in the name, then a filter.
  if (!isTopicName(group) || !isTopicFilter(rest)) return null;
  return { group, filter: rest };
}

/**
 * MQTT matching (4.7) of one filter with one topic. For hot paths use SubscriptionTrie; this is for
 * short rule lists and as the reference in tests.
 */
export function matchesFilter(filter: string, topic: string): boolean {
  // [MQTT-4.7.2-1]: a leading wildcard does not match topics that begin with $.
  const first = filter.charCodeAt(0);
  if (topic.charCodeAt(0) === 0x24 && (first === PLUS || first === HASH)) return false;
  const wanted = filter.split('/');
  const given = topic.split('/');
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= given.length || (level !== '+' && level !== given[index])) return false;
  }
  return wanted.length === given.length;
}
