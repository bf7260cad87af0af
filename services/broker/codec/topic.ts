import { isTopicFilter, isTopicName } from '#core/mqtt-topics.ts';

export { isTopicFilter, isTopicName, levelCount, matchesFilter } from '#core/mqtt-topics.ts';

/** `$share/{name}/{filter}` (MQTT 5, 4.8.2). */
export interface SharedFilter {
  group: string;
  filter: string;
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
