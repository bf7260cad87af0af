import { lowerQos, type Message } from '#core/mqtt/message.ts';
import { ProtocolFault, REASON } from '../codec/reason.ts';
import type { SubscribePacket, UnsubscribePacket } from '../codec/subscribe-decode.ts';
import { isTopicFilter, levelCount, parseShared } from '../codec/topic.ts';
import type { Subscription } from '../session/subscription.ts';
import type { Connection } from './connection.ts';

/** SUBSCRIBE (3.8): all filters together, one SUBACK, then the retained messages. */
export async function handleSubscribe(
  connection: Connection,
  packet: SubscribePacket,
): Promise<void> {
  const { context, version } = connection;
  const session = connection.session!;
  if (packet.requests.some(wantsRetained)) {
    // What was published before is retained, and not live: this node has to have read it first.
    await context.messages.caughtUp();
    if (connection.state !== 'open') return;
  }
  const granted: number[] = [];
  const waits: Promise<void>[] = [];
  const retained: [Subscription, Message[]][] = [];
  for (const request of packet.requests) {
    const { filter } = request;
    const refusal = refusalOf(connection, filter, request.noLocal);
    if (refusal !== undefined) {
      granted.push(version === 5 ? refusal : 0x80);
      continue;
    }
    const isNew = !session.subscriptions.has(filter);
    const subscription: Subscription = { ...request, id: packet.subscriptionId };
    if (connection.bridge) {
      subscription.noLocal = parseShared(filter) === undefined;
      subscription.retainAsPublished = true;
    }
    // What it still has to read was published before this subscription.
    if (isNew && session.isBehind) subscription.since = [...context.messages.head.sequences];
    session.subscriptions.set(filter, subscription);
    const effective = context.router.subscribe(session, subscription);
    if (effective !== undefined) waits.push(effective);
    if (parseShared(filter) !== undefined) waits.push(context.groups.ensure(filter));
    granted.push(subscription.qos);
    if (wantsRetained(subscription) && (isNew || subscription.retainHandling === 0)) {
      retained.push([subscription, [...context.retained.match(filter)]]);
    }
  }
  // What comes from elsewhere a moment later is among the retained messages already.
  session.echoes.add(retained.flatMap(([, messages]) => messages));
  const saved = session.subscriptionsChanged();
  if (saved !== undefined) waits.push(saved);
  if (waits.length > 0) await Promise.all(waits);
  if (connection.state !== 'open') return;
  connection.sendPacket({ cmd: 'suback', messageId: packet.packetId, granted });
  for (const [subscription, messages] of retained) {
    sendRetained(connection, subscription, messages);
  }
}

/** MQTT 5, 3.8.3.1; 4.8.2: shared subscriptions get no retained messages. */
function wantsRetained({ filter, retainHandling }: Omit<Subscription, 'id'>): boolean {
  return retainHandling !== 2 && parseShared(filter) === undefined;
}

/** UNSUBSCRIBE (3.10). */
export async function handleUnsubscribe(
  connection: Connection,
  packet: UnsubscribePacket,
): Promise<void> {
  const { context } = connection;
  const session = connection.session!;
  const granted = packet.filters.map((filter) => {
    if (!isTopicFilter(filter)) return REASON.TOPIC_FILTER_INVALID;
    if (!session.subscriptions.delete(filter)) return REASON.NO_SUBSCRIPTION_EXISTED;
    context.router.unsubscribe(session, filter);
    return REASON.SUCCESS;
  });
  await session.subscriptionsChanged();
  if (connection.state !== 'open') return;
  connection.sendPacket({ cmd: 'unsuback', messageId: packet.packetId, granted });
}

/** Why the filter is refused, as a reason code; a filter that is none ends the connection. */
function refusalOf(connection: Connection, filter: string, noLocal: boolean): number | undefined {
  const { context, access } = connection;
  // Many servers close on a malformed filter; MQTT 5 has a code for it (3.9.3).
  if (!isTopicFilter(filter)) return REASON.TOPIC_FILTER_INVALID;
  const shared = parseShared(filter);
  if (shared === null) return REASON.TOPIC_FILTER_INVALID;
  if (shared !== undefined && noLocal) {
    // [MQTT-3.8.3-4]
    throw new ProtocolFault(REASON.PROTOCOL_ERROR, 'No Local on a shared subscription');
  }
  const plain = shared?.filter ?? filter;
  if (levelCount(plain) > context.limits.topicLevels) return REASON.TOPIC_FILTER_INVALID;
  return access!.allowsFilter(plain) ? undefined : REASON.NOT_AUTHORIZED;
}

function sendRetained(
  connection: Connection,
  wanted: Subscription,
  messages: readonly Message[],
): void {
  const { access } = connection;
  const ids = wanted.id > 0 ? [wanted.id] : undefined;
  for (const message of messages) {
    if (connection.state !== 'open') return;
    if (!access!.allows('read', message.topic)) continue;
    // [MQTT-3.3.1-8]: the retain flag tells that it was there before.
    connection.session!.deliverRetained(message, lowerQos(wanted.qos, message.qos), ids);
  }
}
