import type { ProxyConfig } from '../model.ts';
import type { Account } from './account.ts';
import { requestConnection } from './connection-field.ts';
import { forwardedForLine } from './forwarded-for.ts';
import type { RequestHead } from './head.ts';

/** A request's whole head as its server gets it. */
export function requestText(
  head: RequestHead,
  account: Account,
  backend: ProxyConfig,
  keepServer: boolean,
): string {
  const { forwardFor } = account.frontend.config.options;
  const { host } = account.client;
  const forwarded = forwardedForLine(forwardFor, backend.options.forwardFor, host, head);
  const text = account.sticky ? account.sticky.requestText : head.text;
  return `${text}${forwarded}${requestConnection(head, keepServer || backend.options.pretendKeepAlive === true)}\r\n`;
}
