import type { HttpCheckConfig } from '../model.ts';
import type { HttpCheckSettings } from './draft.ts';

/** Fields that follow from the message and cannot be set: HAProxy leaves them out, too. */
const OWN_FIELDS = new Set(['connection', 'content-length', 'transfer-encoding']);

/** The request of `option httpchk` and what is expected, or undefined without that option. */
export function buildHttpCheck(settings: HttpCheckSettings): HttpCheckConfig | undefined {
  if (!settings.enabled) return undefined;
  const { method = 'OPTIONS', uri = '/', version = 'HTTP/1.0', body } = settings;
  // Names in lower case, as they are in forwarded requests.
  const fields = settings.fields
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !OWN_FIELDS.has(name))
    .map(([name, value]) => `${name}: ${value}\r\n`);
  if (body !== '') fields.push(`content-length: ${Buffer.byteLength(body)}\r\n`);
  if (version !== 'HTTP/1.0') fields.push('connection: close\r\n');
  return {
    method,
    request: `${method} ${uri} ${version}\r\n${fields.join('')}\r\n${body}`,
    expect: settings.expect,
    disableOn404: settings.disableOn404,
  };
}
