import type { ProxyConfig } from '../model.ts';
import type { Account } from './account.ts';
import { requestConnection } from './connection-field.ts';
import { forwardedForLine } from './forwarded-for.ts';
import type { RequestHead } from './head.ts';
import { Message } from './message.ts';

/** `http-send-name-header`: in place of whatever the client says there. */
function named(
  text: string,
  { lineLength }: RequestHead,
  { server }: Account,
  { sendNameHeader }: ProxyConfig,
): string {
  if (sendNameHeader === undefined || !server) return text;
  const message = new Message({ text, lineLength });
  message.set(sendNameHeader, server.config.name);
  return message.text;
}

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
  const text = named(
    account.sticky ? account.sticky.requestText : head.text,
    head,
    account,
    backend,
  );
  return `${text}${forwarded}${requestConnection(head, keepServer || backend.options.pretendKeepAlive === true)}\r\n`;
}
