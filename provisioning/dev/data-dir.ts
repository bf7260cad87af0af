import {
  chmodSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { BrambleError, ERROR_CODES, systemCode } from '#core/errors.ts';

const DIR_MODE = 0o700;
const FILE_MODE = 0o600;

/** Where everything of one dev cluster is. */
export class DataDir {
  readonly root: string;

  constructor(root: string) {
    this.root = path.resolve(root);
  }

  get clusterFile(): string {
    return path.join(this.root, 'cluster.yaml');
  }
  get lockFile(): string {
    return path.join(this.root, 'dev.lock');
  }
  rendered(name: string): string {
    return path.join(this.root, 'rendered', name);
  }
  log(name: string): string {
    return path.join(this.root, 'logs', `${name}.log`);
  }
  /**
   * JetStream's files of one nats-server. Each number of nodes has its own: a store that belongs
   * to a cluster of three is useless to a server that is alone, and would be damaged by it.
   */
  store(nodes: number, number: number): string {
    return path.join(this.root, 'store', `${nodes}-nodes`, `nats-${number}`);
  }

  /** Kafka's files. */
  get kafka(): string {
    return path.join(this.root, 'store', 'kafka');
  }

  /** Makes the folders. Throws STORAGE when that is refused. */
  prepare(): void {
    for (const file of [this.clusterFile, this.rendered('x'), this.log('x')]) {
      const dir = path.dirname(file);
      guard(dir, () => makeFolder(dir));
    }
    guard(this.root, () => chmodSync(this.root, DIR_MODE));
  }
}

/**
 * Makes a folder and what is missing above it. Not by mkdir's own `recursive`, which never returns
 * where the system says ENOENT for a folder whose parent is there, as below /proc.
 */
function makeFolder(dir: string): void {
  const missing: string[] = [];
  for (let at = dir; !existsSync(at); at = path.dirname(at)) missing.push(at);
  for (const folder of missing.reverse()) mkdirSync(folder, { mode: DIR_MODE });
  if (!statSync(dir).isDirectory()) throw Object.assign(new Error(dir), { code: 'EEXIST' });
}

/** Replaces a file in one step, readable by its owner only. Throws STORAGE. */
export function writePrivate(file: string, text: string): void {
  const draft = `${file}.new`;
  guard(file, () => {
    try {
      writeFileSync(draft, text, { mode: FILE_MODE });
      renameSync(draft, file);
    } catch (error) {
      rmSync(draft, { force: true });
      throw error;
    }
  });
}

const WORDS: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'something on its path is a file, not a folder',
  ENOENT: 'nothing can be made there',
  EEXIST: 'there is a file of that name',
};

/** Runs a file operation; what the system refuses becomes a STORAGE error in words. */
export function guard<T>(file: string, operation: () => T): T {
  try {
    return operation();
  } catch (cause) {
    const why = WORDS[systemCode(cause) ?? ''] ?? String(systemCode(cause) ?? cause);
    throw new BrambleError(ERROR_CODES.STORAGE, `cannot write ${file}: ${why}`, {
      hint: 'choose another folder with --data DIR, or make room',
    });
  }
}
