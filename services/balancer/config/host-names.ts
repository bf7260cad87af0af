import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Position } from '../model.ts';
import type { Problems } from './problem.ts';

export type IpFamily = 0 | 4 | 6;

interface Pending {
  name: string;
  family: IpFamily;
  position: Position;
  /** What the message starts with, such as `'server b/s1'`. */
  subject: string;
  apply: (address: string) => void;
  /** In place of an error, where there is no address. */
  otherwise?: (() => void) | undefined;
}

/**
 * Host names that the configuration mentions. They are looked up once, after parsing, through the
 * system's resolver, as HAProxy does at start; one look-up serves all mentions of a name.
 */
export class HostNames {
  readonly #pending: Pending[] = [];

  add(pending: Pending): void {
    this.#pending.push(pending);
  }

  /** Looks up everything added. A name without an address is an alert at its mention. */
  async resolve(problems: Problems): Promise<void> {
    const answers = new Map<string, Promise<string | undefined>>();
    const answerOf = (name: string, family: IpFamily): Promise<string | undefined> => {
      const key = `${family} ${name}`;
      const known = answers.get(key);
      if (known) return known;
      const asked = lookup(name, { family }).then(
        ({ address }) => address,
        () => undefined,
      );
      answers.set(key, asked);
      return asked;
    };
    const found = await Promise.all(this.#pending.map((p) => answerOf(p.name, p.family)));
    for (const [index, { name, position, subject, apply, otherwise }] of this.#pending.entries()) {
      const address = found[index];
      if (address === undefined && otherwise) {
        otherwise();
      } else if (address === undefined) {
        problems.alert(position, `${subject} : could not resolve address '${name}'.`);
      } else {
        apply(address);
      }
    }
  }
}

/** Whether `host` needs a look-up before a socket can use it. */
export function isHostName(host: string): boolean {
  return host !== '' && isIP(host) === 0 && !host.startsWith('/') && !host.startsWith('\0');
}
