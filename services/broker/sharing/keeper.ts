import { createHash } from 'node:crypto';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { Message } from '#core/mqtt/message.ts';
import { AccessList } from '../auth/acl.ts';
import { parseShared } from '../codec/topic.ts';
import type { Router } from '../router/router.ts';
import type { Session } from '../session/session.ts';
import type { Subscription } from '../session/subscription.ts';
import { groupIdOf, keyOfGroup } from './group-id.ts';
import { SharedGroup } from './shared-group.ts';

/** The cluster as far as shared subscriptions need it. */
export interface SharingCluster {
  readonly node: string;
  readonly peers: readonly string[];
  /** Node that has the group's session; undefined when none that lives does. */
  ownerOf(groupId: string): string | undefined;
  /** Makes this node the one that has the group's session. */
  take(groupId: string): Promise<Session | undefined>;
  /** Stores the group's session, or with `forget` takes it out. */
  release(session: Session, forget: boolean): Promise<void>;
  /** Whether a session that is stored, wherever its client is, has the subscription. */
  isWanted(key: string): boolean;
  /** Asks another node to take care of the group; whether it does. */
  ask(node: string, key: string): Promise<boolean>;
  send(node: string, key: string, id: number, message: Message): void;
}

export interface KeeperOptions {
  router: Router;
  log: Logger;
  newSession: (clientId: string) => Session;
  /** Undefined for a broker that is alone. */
  cluster: SharingCluster | undefined;
}

/** How often groups are looked after, milliseconds. */
const TICK = 250;
/** A group without members anywhere is forgotten after so many ticks. */
const IDLE_TICKS = 20;
/** Longest wait of a SUBSCRIBE for the group to be taken care of, milliseconds. */
const WAIT = 8_000;
const RETRY = 100;

const EVERYTHING = new AccessList({ admin: true, sys: false, rules: [] });

/**
 * Which node hands out the messages of which shared subscription: the one that does so already,
 * and when that has died the one that a hash picks among those that live.
 */
export class GroupKeeper {
  readonly #options: KeeperOptions;
  readonly #groups = new Map<string, SharedGroup>();
  readonly #taking = new Map<string, Promise<void>>();
  readonly #idle = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Sessions of the groups that this node has. */
  get sessions(): Session[] {
    return [...this.#groups.values()].map(({ session }) => session);
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), TICK);
  }

  /** Gives the groups back, for others to take. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#groups.keys()].map((key) => this.#drop(key, false)));
  }

  /** Resolves when some node hands out the group's messages from now on. */
  async ensure(key: string): Promise<void> {
    const until = performance.now() + WAIT;
    while (!(await this.#ensured(key))) {
      if (performance.now() > until) {
        this.#options.log.warn({ key }, 'nobody takes care of a shared subscription yet');
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }

  /** Asked by another node: whether this one takes care of the group. */
  async serve(key: string): Promise<boolean> {
    if (this.#coordinator(key) !== this.#self) return false;
    await this.#take(key);
    return this.#groups.has(key);
  }

  /** Members have come or gone on some node. */
  changed(key: string): void {
    this.#groups.get(key)?.pump();
  }

  /** A node has died, or what was sent to it may be lost. */
  nodeLost(node: string): void {
    for (const group of this.#groups.values()) group.lost(node);
  }

  /** Another node has taken the group's session. */
  fenced(groupId: string): void {
    const key = keyOfGroup(groupId);
    const group = this.#groups.get(key);
    if (group === undefined) return;
    this.#groups.delete(key);
    this.#options.router.unsubscribe(group.session, filterOf(key));
    group.session.detach();
  }

  /** What the members on another node made of messages. */
  answered(node: string, key: string, done: readonly number[], back: readonly number[]): void {
    const group = this.#groups.get(key);
    for (const id of done) group?.done(id);
    for (const id of back) group?.handBack(id, node);
  }

  get #self(): string {
    return this.#options.cluster?.node ?? '';
  }

  #coordinator(key: string): string {
    const { cluster } = this.#options;
    if (cluster === undefined) return '';
    const owner = cluster.ownerOf(groupIdOf(key));
    return owner ?? rendezvous(key, [cluster.node, ...cluster.peers]);
  }

  async #ensured(key: string): Promise<boolean> {
    if (this.#groups.has(key)) return true;
    const { cluster } = this.#options;
    const coordinator = this.#coordinator(key);
    if (coordinator !== this.#self) return cluster!.ask(coordinator, key);
    await this.#take(key);
    return this.#groups.has(key);
  }

  #take(key: string): Promise<void> {
    if (this.#groups.has(key)) return Promise.resolve();
    let taking = this.#taking.get(key);
    taking ??= this.#takeNow(key)
      .catch((error: unknown) => {
        this.#options.log.warn(`a shared subscription: ${describeError(error)}`);
      })
      .finally(() => this.#taking.delete(key));
    this.#taking.set(key, taking);
    return taking;
  }

  async #takeNow(key: string): Promise<void> {
    const { cluster, newSession, router } = this.#options;
    const groupId = groupIdOf(key);
    const session = cluster === undefined ? newSession(groupId) : await cluster.take(groupId);
    if (session === undefined) return;
    session.access = EVERYTHING;
    const filter = filterOf(key);
    const subscription: Subscription = {
      filter,
      qos: 1,
      noLocal: false,
      retainAsPublished: true,
      retainHandling: 2,
      id: 0,
    };
    session.subscriptions.set(filter, subscription);
    const group = new SharedGroup(session, {
      here: () => router.sharesHere(key),
      elsewhere: () => router.sharesElsewhere(key),
      give: (message, told) => router.giveShared(key, message, told),
      send: (node, message, id) => cluster?.send(node, key, id, message),
    });
    this.#groups.set(key, group);
    await router.subscribe(session, subscription);
    await session.subscriptionsChanged();
    session.outlet = group;
    session.resend();
  }

  async #drop(key: string, forget: boolean): Promise<void> {
    const group = this.#groups.get(key);
    if (group === undefined) return;
    this.#groups.delete(key);
    const { session } = group;
    this.#options.router.unsubscribe(session, filterOf(key));
    session.detach();
    if (forget) session.expiryInterval = 0;
    await this.#options.cluster?.release(session, forget);
  }

  #tick(): void {
    const { router, cluster } = this.#options;
    const wanted = new Set<string>();
    for (const [key] of router.shares()) wanted.add(key);
    for (const key of wanted) {
      if (!this.#groups.has(key) && this.#coordinator(key) === this.#self) void this.#take(key);
    }
    for (const key of cluster === undefined ? [] : router.sharesOfOthers()) {
      if (wanted.has(key)) continue;
      wanted.add(key);
      if (!this.#groups.has(key) && this.#coordinator(key) === this.#self) void this.#take(key);
    }
    for (const [key, group] of this.#groups) {
      group.pump();
      const idle = wanted.has(key) || cluster?.isWanted(key) === true;
      const ticks = idle ? 0 : (this.#idle.get(key) ?? 0) + 1;
      this.#idle.set(key, ticks);
      if (ticks < IDLE_TICKS) continue;
      this.#idle.delete(key);
      void this.#drop(key, true);
    }
  }
}

function filterOf(key: string): string {
  return parseShared(key)?.filter ?? key;
}

/** Highest random weight: each node alike, and few groups move when a node comes or goes. */
function rendezvous(key: string, nodes: readonly string[]): string {
  let best = '';
  let highest = '';
  for (const node of nodes) {
    const weight = createHash('sha1').update(`${node}\0${key}`).digest('hex');
    if (weight > highest) [best, highest] = [node, weight];
  }
  return best;
}
