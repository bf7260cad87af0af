import { isUtf8 } from 'node:buffer';
import type { RetainedRow } from '#core/contracts/admin.ts';
import type { Message } from '#core/mqtt/message.ts';

/** A UTF-8 sequence has at most three bytes after its first. */
const CONTINUATION_MAX = 3;

export function retainedRow(message: Message, preview: number): RetainedRow {
  const { topic, qos, payload, expiresAt } = message;
  const text = isUtf8(payload);
  const bytes = payload.subarray(0, text ? wholeCharacters(payload, preview) : preview);
  return {
    topic,
    qos,
    size: payload.length,
    ...(expiresAt === 0 ? {} : { expiresAt }),
    preview: bytes.toString(text ? 'utf8' : 'base64'),
    encoding: text ? 'utf8' : 'base64',
    truncated: bytes.length < payload.length,
  };
}

/** Up to `maximum` bytes, and no half character at the end. */
function wholeCharacters(payload: Buffer, maximum: number): number {
  if (payload.length <= maximum) return payload.length;
  let end = maximum;
  while (end > maximum - CONTINUATION_MAX && end > 0 && (payload[end]! & 0xc0) === 0x80) end--;
  return end;
}
