import { createHash, timingSafeEqual } from 'node:crypto';
import type { UserListLike } from '../samples/fetch.ts';
import { shaCrypt } from './sha-crypt.ts';

interface User {
  readonly password: string;
  readonly hashed: boolean;
  readonly groups: Set<string>;
}

/** Passwords that were right lately, so that a slow hash is not computed for every request. */
const MAX_REMEMBERED = 1024;

/** A `userlist` section: HAProxy 2.6 manual, section 3.4. */
export class UserList implements UserListLike {
  readonly name: string;
  /** False as long as it was only named by others. */
  defined = false;
  readonly #users = new Map<string, User>();
  /** Users by group, as `group` lines have them. */
  readonly #members = new Map<string, Set<string>>();
  readonly #right = new Set<string>();

  constructor(name: string) {
    this.name = name;
  }

  has(user: string): boolean {
    return this.#users.has(user);
  }

  addGroup(name: string): void {
    if (!this.#members.has(name)) this.#members.set(name, new Set());
  }

  addUser(name: string, password: string, hashed: boolean, groups: readonly string[]): void {
    this.#users.set(name, { password, hashed, groups: new Set(groups) });
  }

  /** Puts a user into a group, who may be defined further below. */
  pending(user: string, group: string): void {
    const members = this.#members.get(group) ?? new Set<string>();
    this.#members.set(group, members.add(user));
  }

  authenticate(name: string, password: string): readonly string[] | undefined {
    const user = this.#users.get(name);
    if (!user || !this.#matches(name, user, password)) return undefined;
    const groups = new Set(user.groups);
    for (const [group, users] of this.#members) if (users.has(name)) groups.add(group);
    return [...groups];
  }

  #matches(name: string, user: User, password: string): boolean {
    if (!user.hashed) return same(user.password, password);
    const key = createHash('sha256').update(`${name}\0${password}`).digest('base64');
    if (this.#right.has(key)) return true;
    const hash = shaCrypt(password, user.password);
    if (hash === undefined || !same(hash, user.password)) return false;
    if (this.#right.size >= MAX_REMEMBERED) this.#right.clear();
    this.#right.add(key);
    return true;
  }
}

function same(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text, 'latin1').digest();
  return timingSafeEqual(digest(one), digest(other));
}
