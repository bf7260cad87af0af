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
/** Sent as one file, in this order. */
const STYLES = ['base', 'tones', 'summary', 'nodes', 'tables', 'panels', 'narrow'];

/** Reads the few files that a page needs; they stay in memory. */
export function loadAssets(): Assets {
  const styles = Buffer.concat(STYLES.map((name) => read(`css/${name}.css`)));
  const css = asset('page', 'css', 'text/css; charset=utf-8', styles);
  const js = asset('page', 'js', 'text/javascript; charset=utf-8', read('page.js'));
  const icon = { path: '/favicon.svg', type: 'image/svg+xml', body: read('favicon.svg') };
  return { css, js, icon, version: hash(Buffer.concat([css.body, js.body])) };
}

function read(name: string): Buffer {
  return readFileSync(new URL(`./assets/${name}`, import.meta.url));
}

function asset(name: string, extension: string, type: string, body: Buffer): Asset {
  return { path: `/assets/${name}.${hash(body)}.${extension}`, type, body };
}

function hash(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex').slice(0, HASH_LENGTH);
}
