import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { descriptorLimit, descriptorsFor } from '../listeners/descriptors.ts';
import type { BalancerConfig } from '../model.ts';

const NEEDS_ROOT = 'start it as root, or leave user and group to the service manager';

const refused = (text: string, hint: string, cause?: unknown): BrambleError =>
  new BrambleError(ERROR_CODES.LIMIT, text, { hint, ...(cause === undefined ? {} : { cause }) });

/**
 * Throws LIMIT where the system lets the process open fewer files than it was told to need, by
 * `ulimit-n` or by `maxconn`: it would fail under load, and nobody would know why.
 */
export function checkDescriptors({ global }: BalancerConfig): void {
  const limit = descriptorLimit();
  const wanted = global.process?.descriptors;
  if (wanted !== undefined && wanted > limit) {
    throw refused(
      `Cannot raise FD limit to ${wanted}, limit is ${limit}.`,
      'ulimit-n asks for as many: raise the limit of open files outside (LimitNOFILE= of systemd)',
    );
  }
  const { maxconnGiven } = global;
  if (maxconnGiven === undefined) return;
  const needed = descriptorsFor(maxconnGiven);
  if (needed > limit) {
    throw refused(
      `Cannot raise FD limit to ${needed}, limit is ${limit}.`,
      `maxconn ${maxconnGiven} needs as many: raise the limit of open files (ulimit -n, or LimitNOFILE= of systemd), or lower maxconn`,
    );
  }
}

/** Becomes the account of `user` and `group`, for good. Throws LIMIT where that is not allowed. */
export function dropPrivileges({ global }: BalancerConfig): void {
  const { uid, gid } = global.process ?? {};
  const root = process.getuid?.() === 0;
  try {
    if (gid !== undefined && gid !== process.getgid?.()) {
      if (root) process.setgroups?.([gid]);
      process.setgid?.(gid);
    }
  } catch (error) {
    throw refused(`Cannot set gid ${gid}`, NEEDS_ROOT, error);
  }
  try {
    if (uid !== undefined && uid !== process.getuid?.()) process.setuid?.(uid);
  } catch (error) {
    throw refused(`Cannot set uid ${uid}`, NEEDS_ROOT, error);
  }
}
