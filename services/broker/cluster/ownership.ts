import type { Epoch } from './clock.ts';
import type { Members } from './members.ts';

export interface OwnershipHandlers {
  /** Returns whether this node has a newer connection of that client id; closes an older one. */
  displacedBy: (clientId: string, epoch: Epoch, cleanStart: boolean) => boolean;
  /** Resolves when the client id's session here is stored again; whether there was one. */
  settled: (clientId: string) => Promise<boolean>;
  /** The connections of this node, with the epochs of their claims. */
  claims: () => Iterable<[clientId: string, epoch: Epoch]>;
}

export interface ClaimResult {
  /** A newer connection of this client id is elsewhere. */
  superseded: boolean;
  /** Another node had the client id, so the store has its session. */
  had: boolean;
}

interface ClaimAnswer extends ClaimResult {
  /** The session is not stored yet. */
  pending?: boolean;
}

interface ClaimQuestion {
  clientId: string;
  epoch: Epoch;
  cleanStart: boolean;
}

/** How long a claim waits for a session to be stored before it is answered, milliseconds. */
const PATIENCE = 500;
/** Claims told at once to a node that was away. */
const BATCH = 1_000;

/**
 * One live connection a client id in the whole cluster, without a coordinator: whoever takes a
 * client id asks every other node that is alive. Claims carry an epoch from a hybrid logical
 * clock (Kulkarni et al., 2014), the highest wins: a node that has a newer claim answers so, and
 * one that has an older one closes that connection. Each of two claims is seen by the other's
 * node, so of any number of them exactly one stays. A node that does not answer holds nobody up
 * for longer than PEER_TIMEOUT; one that was cut off is told of all claims when it is back.
 */
export class Ownership {
  readonly #members: Members;
  readonly #handlers: OwnershipHandlers;

  constructor(members: Members, handlers: OwnershipHandlers) {
    this.#members = members;
    this.#handlers = handlers;
  }

  start(): void {
    const { displacedBy, settled } = this.#handlers;
    this.#members.serve('claim', (data, message) => {
      const { clientId, epoch, cleanStart } = JSON.parse(data.toString()) as ClaimQuestion;
      this.#members.clock.observe(epoch.time);
      if (displacedBy(clientId, epoch, cleanStart)) {
        message.respond(JSON.stringify({ superseded: true, had: true } satisfies ClaimAnswer));
        return;
      }
      // A session that still waits for the log is worth waiting for; the asker asks again.
      const pending = new Promise<undefined>((go) => setTimeout(go, PATIENCE, undefined));
      void Promise.race([settled(clientId), pending]).then((had) => {
        const answer: ClaimAnswer = { superseded: false, had: had ?? true };
        if (had === undefined) answer.pending = true;
        message.respond(JSON.stringify(answer));
      });
    });
    this.#members.serve('claims', (data) => {
      const claims = JSON.parse(data.toString()) as [string, Epoch][];
      for (const [clientId, epoch] of claims) displacedBy(clientId, epoch, false);
    });
    this.#members.onChange((node, change) => {
      if (change === 'joined') this.#tellAll(node);
    });
  }

  /** Later than every claim made or heard of here. */
  nextEpoch(): Epoch {
    return this.#members.clock.next();
  }

  async claim(clientId: string, epoch: Epoch, cleanStart: boolean): Promise<ClaimResult> {
    const { peers } = this.#members;
    const result: ClaimResult = { superseded: false, had: false };
    if (peers.length === 0) return result;
    const question: ClaimQuestion = { clientId, epoch, cleanStart };
    const bytes = JSON.stringify(question);
    await Promise.all(
      peers.map(async (peer) => {
        for (;;) {
          const reply = await this.#members.ask(peer, 'claim', bytes);
          // Nobody knows what a node that does not answer has: the store does.
          if (reply === undefined) {
            result.had = true;
            return;
          }
          const answer = JSON.parse(reply.toString()) as ClaimAnswer;
          if (answer.superseded) result.superseded = true;
          if (answer.had) result.had = true;
          if (answer.pending !== true) return;
        }
      }),
    );
    return result;
  }

  #tellAll(node: string): void {
    const claims = [...this.#handlers.claims()];
    for (let at = 0; at < claims.length; at += BATCH) {
      const part = JSON.stringify(claims.slice(at, at + BATCH));
      this.#members.tell(node, 'claims', Buffer.from(part));
    }
  }
}
