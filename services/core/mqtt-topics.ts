/** `/`, `+`, `#`, `$`. */
const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;
const DOLLAR = 0x24;

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

/**
 * MQTT matching (4.7) of one filter with one topic, for short lists of filters and for topics whose
 * answer is kept.
 */
export function matchesFilter(filter: string, topic: string): boolean {
  // [MQTT-4.7.2-1]: a leading wildcard does not match topics that begin with $.
  const first = filter.charCodeAt(0);
  if (topic.charCodeAt(0) === DOLLAR && (first === PLUS || first === HASH)) return false;
  const wanted = filter.split('/');
  const given = topic.split('/');
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= given.length || (level !== '+' && level !== given[index])) return false;
  }
  return wanted.length === given.length;
}
