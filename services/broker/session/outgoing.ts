import type { Message, Qos } from '#core/mqtt/message.ts';

/** A message on its way to one session. */
export interface Outgoing {
  message: Message;
  qos: Qos;
  retain: boolean;
  /** Identifiers of the subscriptions that match; undefined = none. */
  ids: readonly number[] | undefined;
  /** A shared message: who is to be told what became of it. */
  told?: Handover | undefined;
}

/** What becomes of a shared message that a session was given: one of them is called, once. */
export interface Handover {
  /** The client has acknowledged it, or the session owns it for good. */
  done(): void;
  /** The client is gone before it did: somebody else may have it. */
  handBack(): void;
}

/** An Outgoing with QoS 1 or 2 that has its packet identifier. */
export interface Inflight extends Outgoing {
  /** QoS 2: PUBREC has come, PUBREL is or will be out. The message itself is no longer needed. */
  released: boolean;
  /** Written to the client by this process; until then it may have to be saved first. */
  sent: boolean;
}

/** The part of a live connection that a session writes to. */
export interface SessionOutlet {
  /** QoS 1 and 2 that the client takes at a time (its Receive Maximum). */
  readonly window: number;
  /** Whether its socket keeps up. */
  readonly ready: boolean;
  /** Writes a PUBLISH; false when it is too large for this client and counts as delivered. */
  send(outgoing: Outgoing, packetId: number, dup: boolean): boolean;
  sendRelease(packetId: number): void;
  /** The session can hold no more: the connection must go. */
  overflow(): void;
}

/** Where a session's state is saved, when it has to outlive its node. */
export interface SessionJournal {
  /** Something changed that must be durable before `done` is called. */
  urgent(done: () => void): void;
  /** Something changed that may be saved later. */
  touch(): void;
  /** The subscriptions have changed; resolves when that is durable. */
  subscribed(): Promise<void> | undefined;
}

export interface SessionLimits {
  /** Messages outside the log (retained ones) that wait for one session. */
  messages: number;
  /** Bytes of them, and of what is in flight. */
  bytes: number;
}

export interface SessionEvents {
  /** A message could not be kept or sent: too slow, too large, expired, gone from the log. */
  dropped: (clientId: string, why: DropReason, count?: number) => void;
}

export type DropReason = 'queue-full' | 'too-large' | 'expired' | 'slow' | 'retention';
