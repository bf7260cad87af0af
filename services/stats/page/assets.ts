import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface Asset {
  /** With the hash of its content, so that browsers may keep it for ever. */
  path: string;
  type: string;
  body: Buffer;
}

export interface Assets {
  css: Asset;
  js: Asset;
  icon: Asset;
  /** Changes with any of them: a page of another version reloads itself. */
  version: string;
}

const HASH_LENGTH = 12;

/** Reads the few files that a page needs; they stay in memory. */
export function loadAssets(): Assets {
  const css = asset('page.css', 'text/css; charset=utf-8');
  const js = asset('page.js', 'text/javascript; charset=utf-8');
  const icon = { ...asset('favicon.svg', 'image/svg+xml'), path: '/favicon.svg' };
  return { css, js, icon, version: hash(Buffer.concat([css.body, js.body])) };
}

function asset(name: string, type: string): Asset {
  const body = readFileSync(new URL(`./assets/${name}`, import.meta.url));
  const [stem, extension] = name.split('.');
  return { path: `/assets/${stem}.${hash(body)}.${extension}`, type, body };
}

function hash(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex').slice(0, HASH_LENGTH);
}
