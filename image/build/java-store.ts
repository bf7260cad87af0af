import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

/** Java's own format of key stores, JKS: what begins so is one, in version 2. */
const MAGIC = 0xfeedfeed;
const VERSION = 2;
/** An entry's kind: a certificate that is trusted. */
const TRUSTED = 2;
const HEADER = 12;
const DATE = 8;
const DIGEST = 20;
/** What Java's certificates are kept under everywhere, and what its digest is salted with. */
const PASSWORD = 'changeit';
const SALT = 'Mighty Aphrodite';

/**
 * A store of trusted certificates as if all of them had been put there at `date` (seconds since the
 * epoch): Java notes when it was, and two builds differ by it. Throws where it is no such store.
 */
export function withDate(store: Buffer, date: number): Buffer {
  if (store.length < HEADER + DIGEST || store.readUInt32BE(0) !== MAGIC)
    throw new Error('no Java key store');
  if (store.readUInt32BE(4) !== VERSION) throw new Error('a Java key store of another version');
  const body = Buffer.from(store.subarray(0, -DIGEST));
  if (!digestOf(body).equals(store.subarray(-DIGEST)))
    throw new Error('a Java key store that is damaged, or has another password');
  let at = HEADER;
  const skip = (): void => {
    at += 2 + body.readUInt16BE(at);
  };
  for (let left = body.readUInt32BE(8); left > 0; left--) {
    if (body.readUInt32BE(at) !== TRUSTED) throw new Error('a Java key store with private keys');
    at += 4;
    skip();
    body.writeBigUInt64BE(BigInt(date) * 1000n, at);
    at += DATE;
    skip();
    at += 4 + body.readUInt32BE(at);
  }
  return Buffer.concat([body, digestOf(body)]);
}

function digestOf(body: Buffer): Buffer {
  const password = Buffer.from(PASSWORD, 'utf16le').swap16();
  return createHash('sha1').update(password).update(SALT).update(body).digest();
}

/** node image/build/java-store.ts FILE DATE */
if (import.meta.main) {
  const [file, date] = process.argv.slice(2);
  if (file === undefined || !/^\d+$/.test(date ?? '')) throw new Error('usage: FILE DATE');
  writeFileSync(file, withDate(readFileSync(file), Number(date)));
}
