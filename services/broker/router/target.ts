import type { Qos } from '#core/mqtt/message.ts';
import type { Subscription } from '../session/subscription.ts';

/** What a session's subscriptions make of one topic: overlapping ones are one delivery. */
export interface SessionTarget {
  qos: Qos;
  retainAsPublished: boolean;
  /** Set when any of its subscriptions has No Local: what the session gets of its own messages. */
  own: SessionTarget | null | undefined;
  ids: number[] | undefined;
  /** By shard of the log: what stands up to there was published before the subscription. */
  since: readonly number[] | undefined;
}

/** [MQTT-3.3.4-2]: the highest QoS of all that match, [MQTT-3.3.4-3] and -4: all identifiers. */
export function mergeOverlapping(subscriptions: readonly Subscription[]): SessionTarget {
  const merged = merge(subscriptions);
  if (subscriptions.some((s) => s.noLocal)) {
    const rest = subscriptions.filter((s) => !s.noLocal);
    merged.own = rest.length === 0 ? null : merge(rest);
  }
  return merged;
}

function merge(subscriptions: readonly Subscription[]): SessionTarget {
  let qos: Qos = 0;
  let retainAsPublished = false;
  let since = subscriptions[0]?.since;
  const ids: number[] = [];
  for (const subscription of subscriptions) {
    if (subscription.qos > qos) qos = subscription.qos;
    if (subscription.retainAsPublished) retainAsPublished = true;
    if (subscription.id > 0) ids.push(subscription.id);
    since = earlier(since, subscription.since);
  }
  return { qos, retainAsPublished, own: undefined, ids: ids.length > 0 ? ids : undefined, since };
}

function earlier(
  a: readonly number[] | undefined,
  b: readonly number[] | undefined,
): readonly number[] | undefined {
  return a === undefined || b === undefined ? undefined : a.map((n, i) => Math.min(n, b[i] ?? 0));
}
