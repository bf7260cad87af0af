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

interface Claim {
  question: ClaimQuestion;
  result: ClaimResult;
  resolve: (result: ClaimResult) => void;
}

/** How long a claim waits for a session to be stored before it is answered, milliseconds. */
const PATIENCE = 500;
/** Claims told at once to a node that was away, and asked with one question. */
const BATCH = 1_000;

/**
 * One live connection a client id in the whole cluster, without a coordinator: whoever takes a
 * client id asks every other node that is alive. Claims carry an epoch from a hybrid logical
 * clock (Kulkarni et al., 2014), the highest wins: a node that has a newer claim answers so, and
 * one that has an older one closes that connection. Each of two claims is seen by the other's
 * node, so of any number of them exactly one stays. A node that does not answer holds nobody up
 * for longer than PEER_TIMEOUT; one that was cut off is told of all claims when it is back. The
 * claims of one turn of the event loop share a question: after a node's death they come in crowds.
 */
export class Ownership {
  readonly #members: Members;
  readonly #handlers: OwnershipHandlers;
  #claims: Claim[] = [];

  constructor(members: Members, handlers: OwnershipHandlers) {
    this.#members = members;
    this.#handlers = handlers;
  }

  start(): void {
    const { displacedBy } = this.#handlers;
    this.#members.serve('claim', (data, message) => {
      const questions = JSON.parse(data.toString()) as ClaimQuestion[];
      void Promise.all(questions.map((one) => this.#answer(one, questions.length > 1))).then(
        (answers) => message.respond(JSON.stringify(answers)),
      );
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

  claim(clientId: string, epoch: Epoch, cleanStart: boolean): Promise<ClaimResult> {
    const result: ClaimResult = { superseded: false, had: false };
    if (this.#members.peers.length === 0) return Promise.resolve(result);
    return new Promise((resolve) => {
      const claim = { question: { clientId, epoch, cleanStart }, result, resolve };
      if (this.#claims.push(claim) === 1) setImmediate(() => this.#askAll());
    });
  }

  #askAll(): void {
    const all = this.#claims;
    this.#claims = [];
    for (let at = 0; at < all.length; at += BATCH) {
      const claims = all.slice(at, at + BATCH);
      const asked = this.#members.peers.map((peer) => this.#ask(peer, claims));
      void Promise.all(asked).then((waits) => {
        for (const [index, claim] of claims.entries()) {
          const pending = waits.flatMap((wait) => wait[index] ?? []);
          if (pending.length === 0) claim.resolve(claim.result);
          else void Promise.all(pending).then(() => claim.resolve(claim.result));
        }
      });
    }
  }

  /** Asks one node; for each claim that it cannot answer yet, what to wait for. Never rejects. */
  async #ask(peer: string, claims: readonly Claim[]): Promise<(Promise<void> | undefined)[]> {
    const bytes = JSON.stringify(claims.map(({ question }) => question));
    const reply = await this.#members.ask(peer, 'claim', bytes);
    const answers = reply && (JSON.parse(reply.toString()) as ClaimAnswer[]);
    return claims.map((claim, index) => {
      // Nobody knows what a node that does not answer has: the store does.
      const { superseded, had, pending } = answers?.[index] ?? { superseded: false, had: true };
      if (superseded) claim.result.superseded = true;
      if (had) claim.result.had = true;
      return pending === true ? this.#askAgain(peer, claim) : undefined;
    });
  }

  async #askAgain(peer: string, claim: Claim): Promise<void> {
    const [pending] = await this.#ask(peer, [claim]);
    await pending;
  }

  /** In a crowd one that is worth waiting for is asked for again, so that it holds up no other. */
  async #answer(
    { clientId, epoch, cleanStart }: ClaimQuestion,
    crowd: boolean,
  ): Promise<ClaimAnswer> {
    const { displacedBy, settled } = this.#handlers;
    this.#members.clock.observe(epoch.time);
    if (displacedBy(clientId, epoch, cleanStart)) return { superseded: true, had: true };
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<undefined>((go) => {
      if (crowd) setImmediate(go, undefined);
      else timer = setTimeout(go, PATIENCE, undefined);
    });
    const had = await Promise.race([settled(clientId), patience]);
    clearTimeout(timer);
    return had === undefined
      ? { superseded: false, had: true, pending: true }
      : { superseded: false, had };
  }

  #tellAll(node: string): void {
    const claims = [...this.#handlers.claims()];
    for (let at = 0; at < claims.length; at += BATCH) {
      const part = JSON.stringify(claims.slice(at, at + BATCH));
      this.#members.tell(node, 'claims', Buffer.from(part));
    }
  }
}
