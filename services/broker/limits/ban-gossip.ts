import type { Bus } from '#core/jetstream/bus.ts';
import { type BanNews, type Bans, isBanNews } from './bans.ts';

const SUBJECT = 'bramble.bans';
/** Asks the others for what they have. */
const ASK = '{"ask":true}';

/**
 * Tells the other nodes of bans and their lifting, and asks them for theirs when this node comes or
 * comes back: who is banned on one node would otherwise be sent to the next by the balancer.
 */
export class BanGossip {
  readonly #bans: Bans;
  readonly #bus: Bus;

  constructor(bans: Bans, bus: Bus) {
    this.#bans = bans;
    this.#bus = bus;
  }

  /** The bus must have started; what is subscribed ends with it. */
  start(): void {
    this.#bans.onNews = (news) => this.#tell(news);
    this.#bus.subscribe(SUBJECT, (data) => {
      const news: unknown = JSON.parse(data.toString());
      if (isBanNews(news)) this.#bans.hear(news);
      else for (const ban of this.#bans.all()) this.#tell({ set: ban });
    });
    this.#bus.on('up', () => this.#say(ASK));
    this.#say(ASK);
  }

  #tell(news: BanNews): void {
    this.#say(JSON.stringify(news));
  }

  #say(text: string): void {
    if (this.#bus.connected) this.#bus.nats.publish(SUBJECT, text);
  }
}
