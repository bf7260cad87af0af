import { BRIDGE_USER } from '#core/config/bridge-user.ts';
import type { ClusterConfig, MqttUser } from '#core/config/cluster.ts';
import { type AccessList, accessListFor } from './acl.ts';
import type { Audit } from './audit.ts';
import { PasswordVerifier } from './verifier.ts';

export type Verdict = { user: string } | { refused: 'credentials' | 'not-authorized' | 'busy' };

/** A hash that no password matches, where no user's own tells what hashes are like here. */
const NOBODY =
  '$scrypt$ln=14,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';

/** Who may come in, and what they may do there: the `mqtt` part of cluster.yaml. */
export class Access {
  readonly #verifier = new PasswordVerifier();
  readonly #audit: Audit | undefined;
  #mqtt: ClusterConfig['mqtt'];
  #users: ReadonlyMap<string, MqttUser>;
  #decoy: string;

  constructor(mqtt: ClusterConfig['mqtt'], audit?: Audit) {
    this.#mqtt = mqtt;
    this.#audit = audit;
    this.#users = byName(mqtt.users);
    this.#decoy = decoyFor(mqtt.users);
  }

  /** Takes a new set of users and rules; connected clients stay and get new lists. */
  replace(mqtt: ClusterConfig['mqtt']): void {
    this.#mqtt = mqtt;
    this.#users = byName(mqtt.users);
    this.#decoy = decoyFor(mqtt.users);
    this.#verifier.forget();
  }

  /** `certified`: what a verified client certificate calls the client; undefined without one. */
  async authenticate(
    name: string | undefined,
    password: Buffer | undefined,
    certified?: string,
  ): Promise<Verdict> {
    if (certified !== undefined && certified !== '') {
      // The certificate says who it is; a CONNECT that says otherwise is not believed.
      if (name !== undefined && name !== certified) return { refused: 'credentials' };
      if (this.#users.has(certified)) return { user: certified };
      return this.#mqtt.anonymous ? { user: '' } : { refused: 'credentials' };
    }
    if (name === undefined || name === '') {
      return this.#mqtt.anonymous ? { user: '' } : { refused: 'not-authorized' };
    }
    const user = this.#users.get(name);
    const given = password ?? Buffer.alloc(0);
    // Where anyone may come in, a name that nobody here has is as good as none.
    if (user === undefined && this.#mqtt.anonymous) return { user: '' };
    const right = await this.#verifier.verify(name, user?.password ?? this.#decoy, given);
    if (right === undefined) return { refused: 'busy' };
    return right && user !== undefined ? { user: name } : { refused: 'credentials' };
  }

  /** Whether the user is still there after a reload. */
  knows(user: string): boolean {
    return user === '' ? this.#mqtt.anonymous : this.#users.has(user);
  }

  /** `$SYS` is for admins; without any user (a development cluster) everyone may read it. */
  listFor(user: string, clientId: string, address?: string): AccessList {
    const people = this.#users.size - (this.#users.has(BRIDGE_USER) ? 1 : 0);
    const sysForAnonymous = this.#mqtt.anonymous && people === 0;
    const list = accessListFor(this.#users.get(user), this.#mqtt.acl, clientId, sysForAnonymous);
    const audit = this.#audit;
    if (audit !== undefined && address !== undefined) {
      list.onRefusal = (action, topic) => {
        const why = `not allowed by the rules of ${user === '' ? 'everyone' : user}`;
        audit.refuse(action, { clientId, user, address, topic, why });
      };
    }
    return list;
  }
}

/**
 * What the password of a user that is not there is compared with: as costly as the first hash of
 * one that is, so that the time of the answer does not tell which names exist.
 */
export function decoyFor(users: readonly MqttUser[]): string {
  for (const { password } of users) {
    const hash = /^\$(?:scrypt|argon2id)\$.+\$([A-Za-z0-9+/]+)$/.exec(password ?? '')?.[1];
    if (hash !== undefined) return `${password!.slice(0, -hash.length)}${'A'.repeat(hash.length)}`;
  }
  return NOBODY;
}

function byName(users: readonly MqttUser[]): Map<string, MqttUser> {
  return new Map(users.map((user) => [user.name, user]));
}
