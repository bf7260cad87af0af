import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { askJson } from '#core/ask-json.ts';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import { endEngine, readPid } from './engine-process.ts';
import { followLink, type Link } from './link.ts';

export interface VoiceGuardOptions {
  bus: Link;
  /** Where the nats-server of this node is, and who may listen to what servers tell each other. */
  url: string;
  listener: { user: string; password: string };
  /** Its monitoring URL. */
  monitor: string;
  pidFile: string;
  /** How many nodes the cluster has. */
  nodes: () => number;
  log: Logger;
}

/** What the servers of a Raft group answer each other, and how they ask for votes. */
const SUBJECTS = ['$NRG.R.*', '$NRG.V.*'];
const SYSTEM_ACCOUNT = '$SYS';
/** The group that each server of a cluster with JetStream is in. */
const META_GROUP = '_meta_';
/** Between two looks at the server's own state, milliseconds. */
const INTERVAL = 250;
/** Looks at a follower: its leader wants to be answered each second, so ten answers are missing. */
const ENOUGH = 40;
/** A campaign that nobody hears weighs as much as so many looks. */
const CAMPAIGN = 10;
/** Looks at a server that is in no group, until it is taken for one that was configured alone. */
const ALONE = 40;
const ANSWER_TIMEOUT = 2_000;

const groupSchema = z.object({
  id: z.string(),
  state: z.string(),
  leader: z.string().default(''),
  term: z.number(),
});
/** By account and by the group's name; `{}` of a server that is in none. */
const groupsSchema = z.record(z.string(), z.record(z.string(), groupSchema));
type Group = z.output<typeof groupSchema>;

/**
 * Ends a nats-server whose Raft is mute. In 2.10 what sends for Raft registers with the system
 * account while that may not be set yet (`newSendQ` and `setSystemAccount`; 2.11 hands it over). On
 * a busy machine about one start in fifty loses that race, and the server then hears everything,
 * answers nobody and looks healthy: all its replicas count as behind for as long as it runs, and
 * with a second such one there is no majority. A new start mends it.
 *
 * After each connection it is listened to until it says something, as a rule within a second, and
 * the node is not ready before: two such servers, one after the other, would be no majority.
 */
export class VoiceGuard {
  readonly #options: VoiceGuardOptions;
  #listening: AbortController | undefined;
  #unheard = false;
  #unfollow: (() => void) | undefined;

  constructor(options: VoiceGuardOptions) {
    this.#options = options;
  }

  /** Why this node should get no clients yet. */
  get unready(): string | undefined {
    return this.#unheard
      ? 'the nats-server of this node has not answered the others yet'
      : undefined;
  }

  start(): void {
    const down = (): void => this.#listening?.abort();
    const up = (): void => {
      down();
      this.#unheard = true;
      this.#listening = new AbortController();
      void this.#listen(this.#listening.signal);
    };
    this.#unfollow = followLink(this.#options.bus, up, down);
  }

  close(): void {
    this.#unfollow?.();
    this.#listening?.abort();
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const { url, listener, pidFile, log } = this.#options;
    const pid = readPid(pidFile);
    let nats: NatsConnection | undefined;
    try {
      nats = await connect({
        servers: url,
        user: listener.user,
        pass: listener.password,
        name: 'bramble-listener',
        reconnect: false,
        ignoreClusterUpdates: true,
        timeout: ANSWER_TIMEOUT,
      });
      if (await this.#isMute(nats, signal)) {
        endEngine(pid, pidFile, 'nats-server hears the other nodes and answers none', log);
        return;
      }
      if (!signal.aborted) this.#unheard = false;
    } catch (error) {
      // It went away while it was listened to: the next one is listened to again.
      if (signal.aborted) return;
      this.#unheard = false;
      log.debug({ err: error }, `nats-server: ${describeError(error)}`);
    } finally {
      await nats?.close().catch(() => {});
    }
  }

  async #isMute(nats: NatsConnection, signal: AbortSignal): Promise<boolean> {
    if (this.#options.nodes() < 2) return false;
    let id: Buffer | undefined;
    let heard = false;
    for (const subject of SUBJECTS) {
      nats.subscribe(subject, {
        callback: (_, message) => {
          if (id !== undefined) heard ||= Buffer.from(message.data ?? []).includes(id);
        },
      });
    }
    let [silence, alone, term] = [0, 0, Number.POSITIVE_INFINITY];
    while (silence < ENOUGH && alone < ALONE) {
      const group = await this.#group(signal);
      if (heard || group?.state === 'LEADER' || nats.isClosed()) return false;
      if (group === undefined) alone++;
      else id ??= Buffer.from(group.id);
      if (group?.state === 'FOLLOWER' && group.leader !== '') silence++;
      if (group?.state === 'CANDIDATE' && group.term > term) silence += CAMPAIGN;
      term = group?.term ?? term;
      await sleep(INTERVAL, undefined, { signal });
    }
    return !heard && silence >= ENOUGH;
  }

  /** The server's own part in the group of all; undefined when it is in none. */
  async #group(signal: AbortSignal): Promise<Group | undefined> {
    const url = new URL(`/raftz?acc=${SYSTEM_ACCOUNT}&group=${META_GROUP}`, this.#options.monitor);
    const timeout = AbortSignal.timeout(ANSWER_TIMEOUT);
    const answer = await askJson(url, AbortSignal.any([signal, timeout]));
    return groupsSchema.parse(answer)[SYSTEM_ACCOUNT]?.[META_GROUP];
  }
}
