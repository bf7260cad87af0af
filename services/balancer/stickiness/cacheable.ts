import { fieldsOf, type ResponseHead } from '../http/head.ts';

/** Statuses that caches may keep without being told so, as HAProxy counts them. */
const STATUSES = new Set([200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501]);
const REFUSALS = ['no-cache', 'no-store', 'private', 'max-age=0', 's-maxage=0'];

/**
 * Whether a shared cache may keep the response to `method` (RFC 9111, section 3): what HAProxy's
 * `cookie … nocache` asks before it says `private`. A response that names neither its age nor a
 * validator is not kept by anybody.
 */
export function isCacheable(method: string, head: ResponseHead): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  if (!STATUSES.has(head.status)) return false;
  let lasting = false;
  for (const [name, value] of fieldsOf(head)) {
    const lower = value.toLowerCase();
    if (name === 'pragma' && lower === 'no-cache') return false;
    if (name === 'etag' || name === 'last-modified' || name === 'expires') lasting = true;
    if (name !== 'cache-control') continue;
    for (const directive of lower.split(',').map((one) => one.trim())) {
      if (REFUSALS.some((refusal) => directive.startsWith(refusal))) return false;
      if (/^(s-maxage|max-age)=/.test(directive)) lasting = true;
    }
  }
  return lasting;
}
