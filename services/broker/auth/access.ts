import type { ClusterConfig, MqttUser } from '#core/config/cluster.ts';
import { type AccessList, accessListFor } from './acl.ts';
import { PasswordVerifier } from './verifier.ts';

export type Verdict = { user: string } | { refused: 'credentials' | 'not-authorized' | 'busy' };

/** A hash that no password matches, so that an unknown user takes as long as a known one. */
const NOBODY =
  '$scrypt$ln=14,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';

/** Who may come in, and what they may do there: the `mqtt` part of cluster.yaml. */
export class Access {
  readonly #verifier = new PasswordVerifier();
  #mqtt: ClusterConfig['mqtt'];
  #users: ReadonlyMap<string, MqttUser>;

  constructor(mqtt: ClusterConfig['mqtt']) {
    this.#mqtt = mqtt;
    this.#users = byName(mqtt.users);
  }

  /** Takes a new set of users and rules; connected clients stay and get new lists. */
  replace(mqtt: ClusterConfig['mqtt']): void {
    this.#mqtt = mqtt;
    this.#users = byName(mqtt.users);
    this.#verifier.forget();
  }

  async authenticate(name: string | undefined, password: Buffer | undefined): Promise<Verdict> {
    if (name === undefined || name === '') {
      return this.#mqtt.anonymous ? { user: '' } : { refused: 'not-authorized' };
    }
    const user = this.#users.get(name);
    const given = password ?? Buffer.alloc(0);
    // Where anyone may come in, a name that nobody here has is as good as none.
    if (user === undefined && this.#mqtt.anonymous) return { user: '' };
    const right = await this.#verifier.verify(name, user?.password ?? NOBODY, given);
    if (right === undefined) return { refused: 'busy' };
    return right && user !== undefined ? { user: name } : { refused: 'credentials' };
  }

  /** Whether the user is still there after a reload. */
  knows(user: string): boolean {
    return user === '' ? this.#mqtt.anonymous : this.#users.has(user);
  }

  /** `$SYS` is for admins; without any user (a development cluster) everyone may read it. */
  listFor(user: string, clientId: string): AccessList {
    const sysForAnonymous = this.#mqtt.anonymous && this.#users.size === 0;
    return accessListFor(this.#users.get(user), this.#mqtt.acl, clientId, sysForAnonymous);
  }
}

function byName(users: readonly MqttUser[]): Map<string, MqttUser> {
  return new Map(users.map((user) => [user.name, user]));
}
