import type { RequestHead, ResponseHead } from '../http/head.ts';
import { BODY_UNTIL_CLOSE } from '../http/head.ts';
import { Message } from '../http/message.ts';
import type { ProxyConfig } from '../model.ts';
import { listOf } from '../samples/fetches/http-names.ts';
import { type Algorithm, type CompressionConfig, codingOf } from './config.ts';

const COMPRESSED_STATUS: ReadonlySet<number> = new Set([200, 201, 202, 203]);
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]*/;
const ETAG = /^(?:W\/)?"[^"]*"$/;
const FULL_QUALITY = 1000;

type Sides = readonly (ProxyConfig | undefined)[];

/** What the backend says, else what the frontend says. */
function settingsOf(sides: Sides, key: 'algorithms' | 'types'): readonly string[] {
  for (const side of sides) {
    const list = side?.compression?.[key];
    if (list && list.length > 0) return list;
  }
  return [];
}

/**
 * The coding that a request allows (RFC 9110, 12.5.3), of those that its backend or frontend
 * offers; undefined = none. `sides`: the backend first.
 */
export function algorithmFor(head: RequestHead, sides: Sides): Algorithm | undefined {
  const offered = settingsOf(sides, 'algorithms') as readonly Algorithm[];
  if (offered.length === 0) return undefined;
  const message = new Message(head);
  if (isOldBrowser(message.values('user-agent')[0] ?? '')) return undefined;
  let best: Algorithm | undefined;
  let bestQuality = 0;
  for (const value of listOf(message.values('accept-encoding'))) {
    const token = TOKEN.exec(value)![0].toLowerCase();
    const quality = qualityOf(value.slice(token.length));
    if (quality <= bestQuality) continue;
    const found = offered.findLast((each) => value.startsWith('*') || codingOf(each) === token);
    if (!found) continue;
    best = found;
    bestQuality = quality;
  }
  return best ?? offered.findLast((each) => each === 'identity');
}

/** Thousandths; the whole where nothing is said. */
function qualityOf(parameters: string): number {
  for (const parameter of parameters.split(';').slice(1)) {
    const text = parameter.trim();
    if (!text.startsWith('q=')) continue;
    const value = Number.parseFloat(text.slice(2));
    return Number.isNaN(value) ? 0 : Math.min(Math.round(value * FULL_QUALITY), FULL_QUALITY);
  }
  return FULL_QUALITY;
}

/** "Mozilla/4", but for MSIE 6 with its second service pack and later ones, cannot be trusted. */
function isOldBrowser(agent: string): boolean {
  if (!agent.startsWith('Mozilla/4')) return false;
  if (agent.length < 31 || !agent.startsWith('MSIE ', 25) || agent.charAt(30) < '6') return true;
  return agent.charAt(30) === '6' && !agent.startsWith('SV1', 51);
}

/** `compression offload`: the head without `accept-encoding`, so that servers compress nothing. */
export function offloaded(head: RequestHead, sides: Sides): RequestHead {
  if (!sides.some((side) => side?.compression?.offload)) return head;
  const message = new Message(head);
  message.remove('accept-encoding');
  return message.changed ? { ...head, text: message.text } : head;
}

/**
 * The head of a response whose body is going to be compressed; undefined where that is not to be.
 * HAProxy 2.6 manual, section 4.2 "compression".
 */
export function compressedHead(
  head: ResponseHead,
  request: RequestHead,
  algorithm: Algorithm,
  sides: Sides,
): ResponseHead | undefined {
  if (head.http10 || request.http10 || request.method === 'HEAD') return undefined;
  if (!COMPRESSED_STATUS.has(head.status)) return undefined;
  if (head.body === 0 || head.body <= BODY_UNTIL_CLOSE) return undefined;
  const message = new Message(head);
  if (message.has('content-encoding')) return undefined;
  const control = listOf(message.values('cache-control'));
  if (control.some((value) => /^no-transform(?:[^\w-]|$)/i.test(value))) return undefined;
  const etags = message.values('etag');
  if (etags.length > 1 || (etags[0] !== undefined && !ETAG.test(etags[0]))) return undefined;
  if (!fits(message.values('content-type')[0], settingsOf(sides, 'types'))) return undefined;
  message.remove('content-length');
  message.remove('transfer-encoding');
  message.add('transfer-encoding', 'chunked');
  // What is compressed is not the same byte for byte (RFC 9110, 8.8.1).
  if (etags[0]?.startsWith('"')) message.set('etag', `W/${etags[0]}`);
  if (algorithm !== 'identity') message.add('content-encoding', codingOf(algorithm));
  message.add('vary', 'Accept-Encoding');
  return { ...head, text: message.text };
}

function fits(type: string | undefined, wanted: readonly string[]): boolean {
  if (type === undefined) return wanted.length === 0;
  const lower = type.toLowerCase();
  if (lower.startsWith('multipart')) return false;
  return wanted.length === 0 || wanted.some((each) => lower.startsWith(each));
}

export type { CompressionConfig };
