import { systemCode } from '#core/errors.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  EACCES: 'Permission denied',
  EISDIR: 'Is a directory',
  ENOTDIR: 'Not a directory',
  ELOOP: 'Too many levels of symbolic links',
};

/** What the C library calls a file's error. */
export function systemReason(error: unknown): string {
  const code = systemCode(error);
  return (
    (code !== undefined && REASONS[code]) ||
    (error instanceof Error ? error.message : code) ||
    'error'
  );
}
