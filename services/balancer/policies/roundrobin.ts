import type { Server } from '../servers/server.ts';
import type { Policy } from './policy.ts';

/** HAProxy keeps weights in sixteenths; its order of servers follows from the same scale. */
const SCALE = 16;
const MAX_WEIGHT = 256 * SCALE;

/**
 * Where a server stands. `fresh`: not chosen yet in this round, heaviest first. `placed`: its next
 * turn has a position in this round. `done`: through with this round, fresh in the next. `aside`:
 * looked at in this very selection. `out`: takes no part.
 */
type Standing = 'fresh' | 'placed' | 'done' | 'aside' | 'out';

class Entry {
  readonly server: Server;
  standing: Standing = 'out';
  weight = 0;
  /** Position at which its next turn comes; the fraction left over, in 1/weight. */
  position = 0;
  remainder = 0;
  /** Position at which it had its last turn. */
  last = 0;
  /** Among equals, the one that has stood longest comes first. */
  since = 0;
  /** Chain of those set aside. */
  next: Entry | undefined;

  constructor(server: Server) {
    this.server = server;
  }
}

/**
 * Smooth weighted round robin, in the order in which HAProxy takes servers (manual, `balance
 * roundrobin`). A round has as many positions as the weights add up to, and a server of weight w
 * has a turn every (sum / w) positions, so heavy and light ones interleave. Weights may change at
 * any time: the sum counts from the next round on. Cost: one pass over the servers for each one
 * looked at; nothing is allocated.
 */
export class RoundRobin implements Policy {
  readonly #entries: Entry[];
  #roundWeight: number;
  #nextWeight = 0;
  #position = 0;
  #clock = 0;

  constructor(servers: readonly Server[]) {
    this.#entries = servers.map((server) => new Entry(server));
    for (const entry of this.#entries) {
      if (!entry.server.usable) continue;
      entry.weight = entry.server.effectiveWeight;
      this.#nextWeight += entry.weight;
      this.#stand(entry, 'fresh');
    }
    this.#roundWeight = this.#nextWeight;
    this.#position = this.#nextWeight;
  }

  pick(avoid: Server | undefined): Server | undefined {
    let turned = false;
    let avoided: Entry | undefined;
    let aside: Entry | undefined;
    let chosen: Entry | undefined;
    if (this.#roundWeight === 0) {
      this.#roundWeight = this.#nextWeight;
      this.#position = this.#nextWeight;
    }
    for (;;) {
      const entry = this.#first();
      if (!entry) {
        if (turned) break;
        turned = true;
        this.#turn();
        continue;
      }
      this.#advance(entry);
      if (!entry.server.full) {
        if (entry.server !== avoid) {
          chosen = entry;
          break;
        }
        avoided = entry;
      }
      entry.next = aside;
      aside = entry;
    }
    chosen ??= avoided;
    if (chosen && chosen !== avoided) this.#place(chosen);
    while (aside) {
      const { next } = aside as Entry;
      aside.next = undefined;
      this.#place(aside);
      aside = next;
    }
    return chosen?.server;
  }

  changed(server: Server): void {
    const entry = this.#entries.find((candidate) => candidate.server === server);
    if (!entry) return;
    const weight = server.usable ? server.effectiveWeight : 0;
    if (weight === entry.weight) return;
    this.#nextWeight += weight - entry.weight;
    const returns = entry.weight === 0;
    entry.weight = weight;
    if (weight === 0) entry.standing = 'out';
    else if (returns) this.#join(entry);
    else if (entry.standing === 'fresh') this.#stand(entry, 'fresh');
    else this.#adjust(entry);
  }

  /** It has been away: its turn comes as if it had just had one. */
  #join(entry: Entry): void {
    const ahead = this.#nextWeight + this.#roundWeight - this.#position;
    entry.position = this.#position + Math.max(0, Math.floor(ahead / entry.weight));
    entry.remainder = 0;
    this.#place(entry);
  }

  /** Another weight: its turn may come sooner for it, never later. */
  #adjust(entry: Entry): void {
    const before = entry.position + (entry.standing === 'done' ? this.#roundWeight : 0);
    const step = Math.floor(this.#nextWeight / entry.weight);
    entry.position = Math.min(entry.last + step, before);
    if (entry.position < this.#position + 2) entry.position = this.#position + step;
    entry.remainder = 0;
    this.#place(entry);
  }

  loaded(): void {}

  /** Whose turn it is: who is due, else who is fresh, else who is due soonest. */
  #first(): Entry | undefined {
    let placed: Entry | undefined;
    let fresh: Entry | undefined;
    for (const entry of this.#entries) {
      if (entry.standing === 'placed') {
        if (!placed || earlier(entry, placed)) placed = entry;
      } else if (entry.standing === 'fresh') {
        if (!fresh || heavier(entry, fresh)) fresh = entry;
      }
    }
    if (placed && placed.position <= this.#position) return placed;
    if (!fresh) return placed;
    fresh.position = this.#position;
    fresh.remainder = 0;
    return fresh;
  }

  /** Uses up one position of the round and works out the entry's next turn. */
  #advance(entry: Entry): void {
    const sum = this.#nextWeight;
    entry.standing = 'aside';
    entry.last = entry.position;
    entry.position += Math.floor(sum / entry.weight);
    entry.remainder += sum % entry.weight;
    if (entry.remainder >= entry.weight) {
      entry.remainder -= entry.weight;
      entry.position += 1;
    }
    this.#position += 1;
  }

  #place(entry: Entry): void {
    const round = this.#roundWeight;
    if (entry.position >= round + Math.min(round, this.#nextWeight)) {
      entry.position -= round;
      this.#stand(entry, 'done');
    } else {
      this.#stand(entry, 'placed');
    }
  }

  #turn(): void {
    for (const entry of this.#entries) {
      if (entry.standing === 'done') entry.standing = 'fresh';
    }
    this.#roundWeight = this.#nextWeight;
    this.#position = this.#nextWeight;
  }

  #stand(entry: Entry, standing: Standing): void {
    entry.standing = standing;
    entry.since = this.#clock++;
  }
}

const urgency = (entry: Entry): number =>
  Math.floor((MAX_WEIGHT + entry.remainder - entry.weight) / SCALE);

function earlier(a: Entry, b: Entry): boolean {
  if (a.position !== b.position) return a.position < b.position;
  const difference = urgency(a) - urgency(b);
  return difference === 0 ? a.since < b.since : difference < 0;
}

function heavier(a: Entry, b: Entry): boolean {
  return a.weight === b.weight ? a.since < b.since : a.weight > b.weight;
}
