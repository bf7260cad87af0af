import { createHash } from 'node:crypto';
import { BLOCK } from '../../cache/cache.ts';
import type { CommandTable } from '../command.ts';
import { data } from '../reply.ts';

/** First four bytes of a digest, as a number. */
const hashOf = (text: string): number => createHash('sha1').update(text).digest().readUInt32LE(0);

/** `show cache` (management guide, section 9.3). */
export const CACHE_COMMANDS: CommandTable = [
  {
    name: 'show cache',
    usage: 'show cache',
    summary: 'show cache status',
    run: ({ host }) => {
      const now = Date.now();
      let text = '';
      for (const [index, cache] of (host.config.caches ?? []).entries()) {
        const free = Math.floor(((cache.config?.totalMaxSize ?? 0) - cache.used) / BLOCK);
        const id = `0x${(index + 1).toString(16)}`;
        text += `${id}: ${cache.name} (shctx:${id}, available blocks:${free})\n`;
        for (const entry of cache.entries) {
          const { key, variant, size, text: head, length, expiresAt } = entry;
          const vary = variant
            ? hashOf(JSON.stringify(variant)).toString(16).padStart(8, '0')
            : '0';
          const left = Math.ceil((expiresAt - now) / 1000);
          const bytes = head.length + length;
          text += `0x${hashOf(key).toString(16)} hash:${hashOf(key)} vary:0x${vary} size:${bytes} (${size / BLOCK} blocks), refcount:0, expire:${left}\n`;
        }
      }
      return data(text);
    },
  },
];
