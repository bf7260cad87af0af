import type { Packet } from 'mqtt-packet';
import { type MqttVersion, remainingSeconds } from '#core/mqtt/message.ts';
import { encodePublish } from '#core/mqtt/publish-encode.ts';
import { isPadded } from '#core/mqtt/varint.ts';
import { Traffic } from '../admin/traffic.ts';
import type { AccessList } from '../auth/acl.ts';
import { malformed } from '../codec/packet-reader.ts';
import { encodePacket } from '../codec/packets.ts';
import type { AliasTable } from '../codec/publish-decode.ts';
import { ProtocolFault, REASON } from '../codec/reason.ts';
import { checkReason, decodeDisconnect, refuseAuth } from '../codec/reasoned-decode.ts';
import { decodeSubscribe, decodeUnsubscribe } from '../codec/subscribe-decode.ts';
import type { Will } from '../codec/will.ts';
import type { BrokerContext } from '../context.ts';
import type { Paced } from '../limits/pacer.ts';
import { withinQuota } from '../limits/subscription-quota.ts';
import { Framer } from '../link/framer.ts';
import { Output } from '../link/output.ts';
import type { Transport } from '../link/transport.ts';
import { Backlog } from '../router/pressure.ts';
import type { Outgoing, SessionOutlet } from '../session/outgoing.ts';
import type { Session } from '../session/session.ts';
import { AckQueue } from './ack-queue.ts';
import { handleConnect } from './connect.ts';
import { handleAcknowledgement, handlePublish } from './publish.ts';
import { ReceiveQuota } from './receive-quota.ts';
import { handleSubscribe, handleUnsubscribe } from './subscribe.ts';

/** QoS 1 and 2 in flight to a client that names no Receive Maximum. */
const WINDOW = 1_024;
/** [MQTT-3.1.2-22]: one and a half times the keep alive. */
const KEEP_ALIVE_FACTOR = 1.5;
const PINGRESP = Buffer.from([0xd0, 0x00]);

export type ConnectionState = 'connecting' | 'accepting' | 'open' | 'closed';

/** Why a connection ended; decides over its will ([MQTT-3.1.2-8], -10). */
export type EndCause = 'client' | 'lost' | 'fault' | 'takeover' | 'shutdown' | 'kicked';

/**
 * One client's network connection: the state machine of MQTT 3.1, 3.1.1 and 5 on the server's side.
 * PUBLISH and its acknowledgements are read and written here as frames; the other packets go
 * through mqtt-packet.
 */
export class Connection implements SessionOutlet {
  readonly context: BrokerContext;
  readonly transport: Transport;
  readonly output: Output;
  readonly acks: AckQueue;
  readonly receiveQuota = new ReceiveQuota();
  readonly openedAt = performance.now();
  state: ConnectionState = 'connecting';
  version: MqttVersion = 4;
  clientId = '';
  user = '';
  access: AccessList | undefined;
  session: Session | undefined;
  will: Will | undefined;
  /** Seconds; 0 = no limit. */
  keepAlive = 0;
  /** MQTT 5: largest packet that the client takes; 0 = any. */
  maximumPacketSize = 0;
  window = WINDOW;
  /** Inbound aliases (MQTT 5). */
  aliases: AliasTable | undefined;
  /** Outbound aliases that the client allows. */
  outboundAliasMaximum = 0;
  requestProblemInformation = true;
  /** A bridge: what it subscribes to comes without its own messages and as it was published. */
  bridge = false;
  /** MQTT 5: the expiry that CONNECT asked for, for the rule of [MQTT-3.14.2-2]. */
  connectExpiry = 0;
  readonly traffic = new Traffic();
  lastSeen = performance.now();
  /** What it has published lately, where that is limited. */
  pace: Paced['pace'];
  /** Publishes that were refused. */
  refusals = 0;
  readonly #framer: Framer;
  readonly #backlog: Backlog;
  readonly #outboundAliases = new Map<string, number>();
  #seen = false;
  #overflown = false;
  #reading = true;
  #holds = 0;

  constructor(context: BrokerContext, transport: Transport) {
    this.context = context;
    this.transport = transport;
    this.output = new Output(transport);
    this.acks = new AckQueue(this);
    this.#backlog = new Backlog(context.pressure, context.limits.queue);
    const packet = Math.min(context.limits.packet, Number.MAX_SAFE_INTEGER);
    this.#framer = new Framer(packet, (frame, body) => this.#onFrame(frame, body));
  }

  /** Begins to read. */
  start(): void {
    const { transport } = this;
    transport.onData = (chunk) => this.#onData(chunk);
    transport.onDrain = () => this.#onDrain();
    transport.onClose = () => this.end('lost');
  }

  // The outlet of a session.

  get ready(): boolean {
    return this.output.waiting < this.context.limits.queue;
  }

  send(outgoing: Outgoing, packetId: number, dup: boolean): boolean {
    const { message, qos, retain, ids } = outgoing;
    const v5 = this.version === 5;
    let frame = message.frame(v5, qos, retain);
    if (v5 && (ids !== undefined || this.outboundAliasMaximum > 0)) {
      frame = this.#specialFrame(outgoing) ?? frame;
    }
    const { bytes, idOffset } = frame;
    // [MQTT-3.1.2-24], -25
    if (this.maximumPacketSize > 0 && bytes.length > this.maximumPacketSize) return false;
    const { counters } = this.context;
    counters.messagesOut++;
    counters.packetsOut++;
    this.traffic.messagesOut++;
    counters.bytesOut += bytes.length;
    counters.payloadBytesOut += message.payloadLength;
    if (qos === 0) this.output.write(bytes);
    else this.output.writeWithId(bytes, idOffset, packetId, dup);
    this.#backlog.update(this.output.waiting);
    return true;
  }

  sendRelease(packetId: number): void {
    this.context.counters.packetsOut++;
    this.output.writeAck(0x62, packetId);
  }

  overflow(): void {
    if (this.#overflown) return;
    this.#overflown = true;
    // Not within the loop that routes: what an end sets off is routed itself.
    setImmediate(() => {
      this.fail(new ProtocolFault(REASON.QUOTA_EXCEEDED, 'the session can hold no more messages'));
    });
  }

  /** A PUBLISH with what only this client gets: its subscription identifiers, its aliases. */
  #specialFrame({ message, qos, retain, ids }: Outgoing) {
    let alias = 0;
    let withTopic = true;
    if (this.outboundAliasMaximum > 0) {
      const known = this.#outboundAliases.get(message.topic);
      if (known !== undefined) {
        alias = known;
        withTopic = false;
      } else if (this.#outboundAliases.size < this.outboundAliasMaximum) {
        alias = this.#outboundAliases.size + 1;
      }
    }
    if (alias === 0 && ids === undefined) return undefined;
    const remaining = message.expiresAt === 0 ? 0 : remainingSeconds(message.expiresAt);
    const form = { v5: true, qos, retain, remaining, alias, withTopic };
    const frame = encodePublish(
      message,
      ids === undefined ? form : { ...form, subscriptionIds: ids },
    );
    const fits = this.maximumPacketSize === 0 || frame.bytes.length <= this.maximumPacketSize;
    // An alias that never went out stands for nothing.
    if (alias > 0 && withTopic && fits) this.#outboundAliases.set(message.topic, alias);
    return frame;
  }

  // What the handlers use.

  /** Encodes and queues a control packet; false when it is larger than the client takes. */
  sendPacket(packet: Packet): boolean {
    const bytes = encodePacket(packet, this.version);
    if (this.maximumPacketSize > 0 && bytes.length > this.maximumPacketSize) return false;
    this.context.counters.packetsOut++;
    this.output.write(bytes);
    return true;
  }

  /** Stops reading packets until the promise settles; then goes on, or fails with its reason. */
  hold(work: Promise<void>): void {
    this.#holds++;
    this.#framer.pause();
    this.#setReading(false);
    work.then(
      () => this.#release(),
      (error: unknown) => {
        this.fail(error);
      },
    );
  }

  /** Ends the connection because of `error`: MQTT 5 clients are told the reason. */
  fail(error: unknown): void {
    if (this.state === 'closed') return;
    const { log, counters, audit } = this.context;
    const fault =
      error instanceof ProtocolFault
        ? error
        : new ProtocolFault(REASON.UNSPECIFIED, error instanceof Error ? error.message : 'failed');
    if (!(error instanceof ProtocolFault)) {
      log.error({ err: error, clientId: this.clientId }, 'a connection failed');
    }
    counters.malformed++;
    const { clientId, user, transport, state } = this;
    const { reason, message: why } = fault;
    const details = { clientId, user, address: transport.remoteAddress, reason, why };
    audit.refuse(state === 'open' ? 'packet' : 'connect', details);
    this.disconnect(fault.reason, 'fault', error === fault ? fault.message : undefined);
  }

  /** Says DISCONNECT with a reason to an MQTT 5 client, in words where it takes them, and closes. */
  disconnect(reasonCode: number, cause: EndCause, reasonString?: string): void {
    if (this.state === 'closed') return;
    if (this.state === 'open' && this.version === 5) {
      const inWords = reasonString !== undefined && this.requestProblemInformation;
      const packet = { cmd: 'disconnect' as const, reasonCode };
      // [MQTT-3.14.2-3]: no words where they do not fit.
      if (!inWords || !this.sendPacket({ ...packet, properties: { reasonString } })) {
        this.sendPacket(packet);
      }
    }
    this.end(cause);
  }

  /** Closes after what is written; the session and the will take their course. Idempotent. */
  end(cause: EndCause): void {
    if (this.state === 'closed') return;
    const wasOpen = this.state === 'open';
    this.state = 'closed';
    this.#framer.stop();
    this.output.finish();
    this.transport.end();
    this.context.counters.endedBytesOut += this.transport.bytesOut;
    const { sessions } = this.context;
    sessions.forget(this);
    if (wasOpen) {
      sessions.disconnected(this, cause);
      this.context.gate.ended(this.transport.arrival, this.clientId, cause);
    }
  }

  /** Called about twice a second: keep alive and the time for CONNECT. */
  tick(now: number): void {
    if (this.#seen) {
      this.#seen = false;
      this.lastSeen = now;
    }
    if (this.state === 'connecting') {
      if (now - this.openedAt > this.context.limits.connect) this.end('lost');
      return;
    }
    if (this.state !== 'open' || this.keepAlive === 0) return;
    if (now - this.lastSeen > this.keepAlive * 1000 * KEEP_ALIVE_FACTOR) {
      this.disconnect(REASON.KEEP_ALIVE_TIMEOUT, 'lost');
    }
  }

  #onData(chunk: Buffer): void {
    if (this.state === 'closed') return;
    this.#seen = true;
    this.context.counters.bytesIn += chunk.length;
    this.traffic.bytesIn += chunk.length;
    try {
      // [MQTT-3.1.0-1]: who begins with something else does not wait for the end of it.
      if (this.state === 'connecting' && this.#framer.buffered === 0) checkFirst(chunk);
      this.#framer.push(chunk);
    } catch (error) {
      this.fail(error);
      return;
    }
    // A client that sends and does not take what it gets is not read any further.
    if (!this.ready) this.#setReading(false);
  }

  #onDrain(): void {
    if (this.state === 'closed') return;
    this.output.flush();
    this.#backlog.update(this.output.waiting);
    if (!this.ready) return;
    this.session?.pump();
    if (this.#holds === 0 && !this.#reading) this.#setReading(true);
  }

  #release(): void {
    this.#holds--;
    if (this.state === 'closed' || this.#holds > 0) return;
    try {
      this.#framer.resume();
    } catch (error) {
      this.fail(error);
      return;
    }
    if (this.#holds === 0 && this.ready) this.#setReading(true);
  }

  #setReading(reading: boolean): void {
    if (this.#reading === reading) return;
    this.#reading = reading;
    if (reading) this.transport.resume();
    else this.transport.pause();
  }

  #onFrame(frame: Buffer, body: number): void {
    if (this.state === 'closed') return;
    const type = frame[0]! >> 4;
    const { counters } = this.context;
    counters.packetsIn++;
    // What these are answered with goes out as bytes.
    if (type === 5 || type === 6 || type === 12 || (type === 3 && (frame[0]! & 0x06) !== 0)) {
      counters.packetsOut++;
    }
    // [MQTT-1.5.5-1]
    if (this.version === 5 && isPadded(frame, body)) throw malformed('a padded remaining length');
    if (this.state !== 'open') {
      this.state = 'accepting';
      this.hold(handleConnect(this, frame, body));
      return;
    }
    switch (type) {
      case 3:
        this.#onPublish(frame, body);
        return;
      case 4:
      case 5:
      case 6:
      case 7:
        // Four bytes are success without properties.
        if (frame.length > 4 && this.version === 5) checkReason(frame, body);
        handleAcknowledgement(this, frame, body);
        return;
      case 8: {
        const packet = decodeSubscribe(frame, body, this.version);
        if (withinQuota(this, packet)) this.hold(handleSubscribe(this, packet));
        return;
      }
      case 10:
        this.hold(handleUnsubscribe(this, decodeUnsubscribe(frame, body, this.version)));
        return;
      case 12:
        if (frame.length !== body || frame[0] !== 0xc0) {
          throw new ProtocolFault(REASON.MALFORMED, 'PINGREQ with a body or flags');
        }
        this.output.write(PINGRESP);
        return;
      case 14:
        this.#onDisconnect(frame, body);
        return;
      case 15:
        throw refuseAuth(frame, this.version);
      default:
        // [MQTT-3.1.0-2] a second CONNECT; packets that only servers send.
        throw new ProtocolFault(REASON.PROTOCOL_ERROR, `packet type ${type} from a client`);
    }
  }

  #onPublish(frame: Buffer, body: number): void {
    const { limits, pacer } = this.context;
    this.traffic.messagesIn++;
    // The topic's length is the first field of a PUBLISH (3.3.2.1).
    if (frame.length >= body + 2 && ((frame[body]! << 8) | frame[body + 1]!) > limits.topicLength) {
      const why = `a topic of more than ${limits.topicLength} bytes`;
      throw new ProtocolFault(REASON.TOPIC_NAME_INVALID, why);
    }
    handlePublish(this, frame, body);
    if (!pacer.active) return;
    // Read later, it is no less alive.
    this.#seen = true;
    const pause = pacer.charge(this, frame.length);
    if (pause !== undefined) this.hold(pause);
  }

  #onDisconnect(frame: Buffer, body: number): void {
    const { reason, sessionExpiryInterval: expiry } = decodeDisconnect(frame, body, this.version);
    if (expiry !== undefined) {
      // 3.14.2.2.2: a session that CONNECT said ends with the connection does so.
      if (this.connectExpiry === 0 && expiry !== 0) {
        throw new ProtocolFault(REASON.PROTOCOL_ERROR, 'session expiry raised from 0');
      }
      if (this.session) this.session.expiryInterval = expiry;
    }
    // [MQTT-3.14.4-3]: only a normal end takes the will away.
    this.end(reason === REASON.SUCCESS ? 'client' : 'lost');
  }
}

function checkFirst(chunk: Buffer): void {
  if (chunk.length > 0 && chunk[0]! >> 4 !== 1) {
    throw new ProtocolFault(REASON.PROTOCOL_ERROR, 'no CONNECT');
  }
}
