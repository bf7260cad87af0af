import type { BindConfig, ProxyConfig } from '../model.ts';
import type { Sharing } from '../servers/sharing.ts';

/**
 * The limits of a frontend, of its binds and of the process where several workers let clients in:
 * each is one number that all of them count in, so that none is passed, however many come at once.
 */
export class Entrance {
  readonly #sharing: Sharing;
  readonly #frontend: string;

  constructor(sharing: Sharing, { name, binds }: Pick<ProxyConfig, 'name' | 'binds'>) {
    this.#sharing = sharing;
    this.#frontend = name;
    // What is not there when the other workers start is not shared with them.
    for (const bind of binds) this.#places(bind);
  }

  /** Takes a place at each of the three, or at none. */
  enter(bind: BindConfig, maxconn: number, processLimit: number): boolean {
    const places = this.#places(bind);
    const limits = [maxconn, processLimit, bind.maxconn];
    for (const [index, place] of places.entries()) {
      if (place.take(limits[index])) continue;
      for (const taken of places.slice(0, index)) taken.give();
      return false;
    }
    if (bind.maxconn !== undefined) this.#sharing.counters(this.#bindScope(bind)).scur += 1;
    return true;
  }

  leave(bind: BindConfig): void {
    for (const place of this.#places(bind)) place.give();
    if (bind.maxconn !== undefined) this.#sharing.counters(this.#bindScope(bind)).scur -= 1;
  }

  #places(bind: BindConfig) {
    const places = [
      this.#sharing.places(`frontend ${this.#frontend}`),
      this.#sharing.places('process'),
    ];
    if (bind.maxconn !== undefined) places.push(this.#sharing.places(this.#bindScope(bind)));
    return places;
  }

  #bindScope(bind: BindConfig): `bind ${string}` {
    return bindScope(this.#frontend, bind);
  }
}

/** What is counted of one listening socket of a frontend. */
export const bindScope = (frontend: string, { host, port, fd }: BindConfig): `bind ${string}` =>
  `bind ${frontend} ${fd ?? host}:${port}`;
