import { readFileSync } from 'node:fs';
import {
  errorResponse,
  isErrorStatus,
  type LocalResponse,
  localResponse,
  responseFromFile,
} from '../http/errors.ts';
import { reasonOf } from '../http/reasons.ts';
import { ExpressionError } from '../samples/fetch.ts';
import { type RuleContext, textOf } from './context.ts';
import type { Reply, RuleScope, TextOf } from './model.ts';
import type { Words } from './words.ts';

interface Parts {
  status: number | undefined;
  type: string | undefined;
  body: TextOf | undefined;
  /** A whole response from a file. */
  file: LocalResponse | undefined;
  page: boolean;
  fields: { name: string; value: TextOf }[];
}

const CONTENT = [
  'default-errorfiles',
  'errorfile',
  'errorfiles',
  'file',
  'lf-file',
  'string',
  'lf-string',
];

/**
 * Arguments of `deny`, `tarpit` and `return` (HAProxy 2.6 manual, "http-request return"): a page of
 * the proxy, a file with a response, or a body with fields. Throws ExpressionError.
 */
export function parseReply(
  words: Words,
  context: RuleContext,
  fallback: number,
  pageByDefault: boolean,
): Reply {
  const parts: Parts = {
    status: undefined,
    type: undefined,
    body: undefined,
    file: undefined,
    page: pageByDefault,
    fields: [],
  };
  let content = '';
  let named = '';
  while (!words.atCondition) {
    const word = words.next;
    if (CONTENT.includes(word) && content !== '') {
      throw new ExpressionError(`'${word}' is a duplicate argument, '${content}' was given before`);
    }
    if (CONTENT.includes(word)) content = word;
    if (!readOne(words, parts, context, pageByDefault)) break;
    if (word === 'errorfiles') named = 'errorfiles';
  }
  const status = parts.status ?? fallback;
  if (parts.file || content === 'errorfile' || named !== '') {
    const { file } = parts;
    return () => file && { ...file, status };
  }
  if (parts.page && parts.body === undefined && parts.fields.length === 0) {
    if (!isErrorStatus(status)) {
      throw new ExpressionError(
        `status code '${status}' not handled by default with 'default-errorfiles' argument.`,
      );
    }
    return (scope, proxy) => errorResponse(status, proxy, scope);
  }
  if (parts.body && parts.type === undefined) {
    throw new ExpressionError(
      'a content type must be defined when non-empty payload is configured',
    );
  }
  return (scope) => compose(status, parts, scope);
}

/** Takes one argument; false where none of them begins. */
function readOne(words: Words, parts: Parts, context: RuleContext, deny: boolean): boolean {
  const word = words.take();
  const value = (): string => words.need(`'${word}' expects an argument`);
  switch (word) {
    case 'status':
    case 'deny_status': {
      if (word === 'deny_status' && !deny) break;
      const text = value();
      const status = /^\d+$/.test(text) ? Number(text) : 0;
      if (status < 200 || status > 599) {
        throw new ExpressionError(`Unexpected status code '${text}'`);
      }
      parts.status = status;
      parts.page = word === 'deny_status';
      return true;
    }
    case 'content-type':
      parts.type = value();
      return true;
    case 'default-errorfiles':
      parts.page = true;
      return true;
    case 'errorfile':
      parts.file = wholeFile(value());
      return true;
    case 'errorfiles':
      parts.file = fromSection(value(), parts.status, context);
      return true;
    case 'string': {
      const text = value();
      parts.body = () => text;
      return true;
    }
    case 'file': {
      const text = contentOf(value());
      parts.body = () => text;
      return true;
    }
    case 'lf-string':
      parts.body = textOf(value(), context);
      return true;
    case 'lf-file':
      parts.body = textOf(contentOf(value()), context);
      return true;
    case 'hdr': {
      const name = value().toLowerCase();
      parts.fields.push({
        name,
        value: textOf(words.need("'hdr' expects <name> and <value>"), context),
      });
      return true;
    }
    default:
      break;
  }
  words.at -= 1;
  return false;
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    throw new ExpressionError(`error opening file '${path}'`);
  }
}

function wholeFile(path: string): LocalResponse {
  const response = responseFromFile(path);
  if (!response) throw new ExpressionError(`'${path}' holds no whole HTTP response`);
  return response;
}

function fromSection(
  name: string,
  status: number | undefined,
  context: RuleContext,
): LocalResponse {
  const pages = context.errorPages(name);
  if (!pages) throw new ExpressionError(`unknown http-errors section '${name}'`);
  const path = pages.get(status ?? 200);
  if (path === undefined) {
    throw new ExpressionError(
      `http-errors section '${name}' has no file for status ${status ?? 200}`,
    );
  }
  return wholeFile(path);
}

function compose(status: number, { type, body, fields }: Parts, scope: RuleScope): LocalResponse {
  const bytes = Buffer.from(body?.(scope) ?? '', 'latin1');
  const lines = fields.flatMap(({ name, value }) => {
    const text = oneLine(value(scope));
    return text === '' ? [] : [`${name}: ${text}`];
  });
  // RFC 9110, 8.6: not with 204.
  if (status !== 204) lines.push(`content-length: ${bytes.length}`);
  if (type !== undefined && bytes.length > 0) lines.push(`content-type: ${type}`);
  const response = localResponse(status, reasonOf(status), lines, bytes);
  // HAProxy counts the length and does not send it.
  return status === 204 ? { ...response, counted: response.counted + 15 } : response;
}

export const oneLine = (text: string): string => text.replace(/[\r\n\0]+/g, ' ');
