import { parseDocument } from 'yaml';
import { describeError } from '#core/errors.ts';

/** Somebody who may log in. */
export interface Owner {
  name: string;
  /** As crypt(5) writes it; for the console only. */
  password: string | undefined;
  /** Lines of an authorized_keys file (sshd(8)). */
  keys: readonly string[];
}

/** What the owner asked for when the card was written. */
export interface UserData {
  hostname: string | undefined;
  timezone: string | undefined;
  owners: readonly Owner[];
  /** What cannot be done, in words. */
  notes: readonly string[];
}

/** More than anybody writes; a bomb of aliases would fill the memory. */
const ALIASES = 16;
const SIZE = 256 * 1024;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** useradd(8)'s own rule for names. */
const NAME = /^[a-z_][a-z0-9_-]{0,30}$/;
const ZONE = /^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+){0,2}$/;
const KEY =
  /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]+={0,3}( [^\r\n]*)?$/;
const CRYPT = /^\$[0-9a-z]{1,2}\$[^\s:]{1,500}$/;
/** Owners that the system itself has; their password and keys are not for a file to set. */
const TAKEN = /^(root|daemon|bin|sys|sync|nobody|sshd|_.*|systemd-.*|bramble.*)$/;
/** The user where a file has keys and names nobody. */
export const DEFAULT_OWNER = 'admin';

/**
 * Reads the part of cloud-init's user-data that Raspberry Pi Imager writes: hostname, timezone,
 * users with ssh_authorized_keys and passwd. Never throws: what cannot be used is a note.
 */
export function parseUserData(text: string): UserData {
  const notes: string[] = [];
  const data = parseRecord(text, 'user-data', notes);
  const owners = new Map<string, Owner>();
  const add = (owner: Owner): void => {
    const before = owners.get(owner.name);
    const keys = [...new Set([...(before?.keys ?? []), ...owner.keys])];
    owners.set(owner.name, { ...owner, password: owner.password ?? before?.password, keys });
  };
  for (const entry of list(data.users)) {
    const owner = readOwner(entry, notes);
    if (owner !== undefined) add(owner);
  }
  const loose = readKeys(data.ssh_authorized_keys, notes);
  if (loose.length > 0) {
    add({ name: [...owners.keys()][0] ?? DEFAULT_OWNER, password: undefined, keys: loose });
  }
  if (data.ssh_pwauth === true && [...owners.values()].every(({ keys }) => keys.length === 0)) {
    notes.push('user-data asks for SSH with a password; SSH here is by key only.');
  }
  return {
    hostname: take(data.hostname, LABEL, 'hostname', notes)?.toLowerCase(),
    timezone: take(data.timezone, ZONE, 'timezone', notes),
    owners: [...owners.values()],
    notes,
  };
}

function readOwner(entry: unknown, notes: string[]): Owner | undefined {
  // cloud-init's own word for the distribution's user.
  if (entry === 'default') return undefined;
  const user = record(entry);
  const name = typeof user.name === 'string' ? user.name : '';
  if (!NAME.test(name) || TAKEN.test(name)) {
    notes.push(`user-data: nobody can be called ${JSON.stringify(name)}.`);
    return undefined;
  }
  return {
    name,
    password: take(user.passwd ?? user.hashed_passwd, CRYPT, `password of ${name}`, notes),
    keys: readKeys(user.ssh_authorized_keys, notes),
  };
}

function readKeys(value: unknown, notes: string[]): string[] {
  return list(value).flatMap((line) => {
    const key = typeof line === 'string' ? line.trim() : '';
    if (KEY.test(key)) return [key];
    notes.push(`user-data: not an SSH key: ${JSON.stringify(key.slice(0, 40))}`);
    return [];
  });
}

function take(value: unknown, shape: RegExp, name: string, notes: string[]): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && shape.test(name === 'hostname' ? value.toLowerCase() : value))
    return value;
  // A password does not come back in a note.
  notes.push(`user-data: the ${name} cannot be used.`);
  return undefined;
}

/** A YAML text as a record; an empty one, and a note, where it is none. */
export function parseRecord(
  text: string,
  file: string,
  notes: string[],
): Readonly<Record<string, unknown>> {
  if (text.length > SIZE) {
    notes.push(`${file} is larger than anything that it may hold.`);
    return {};
  }
  try {
    const document = parseDocument(text, { prettyErrors: true });
    const error = document.errors[0];
    if (error === undefined) return record(document.toJS({ maxAliasCount: ALIASES }));
    notes.push(`${file}: ${error.message.split('\n')[0]}`);
  } catch (error) {
    notes.push(`${file}: ${describeError(error)}`);
  }
  return {};
}

export function record(value: unknown): Readonly<Record<string, unknown>> {
  const is = typeof value === 'object' && value !== null && !Array.isArray(value);
  return is ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
}
