import type { Source } from '../samples/fetch.ts';

/** Where rules and formats stand, and what can be known there (HAProxy 2.6 manual, 7.3). */
export type Place =
  | 'tcp-connection'
  | 'tcp-content'
  | 'request'
  | 'backend-request'
  | 'tcp-response'
  | 'response'
  | 'error-page'
  | 'log';

const KNOWN: Readonly<Record<Place, readonly Source[]>> = {
  'tcp-connection': ['internal', 'connection'],
  'tcp-content': ['internal', 'connection', 'request', 'message', 'body', 'payload', 'capture'],
  request: ['internal', 'connection', 'request', 'message', 'body', 'payload', 'capture'],
  'backend-request': [
    'internal',
    'connection',
    'request',
    'message',
    'body',
    'payload',
    'capture',
    'backend',
  ],
  response: ['internal', 'connection', 'message', 'response', 'server', 'backend', 'capture'],
  'tcp-response': [
    'internal',
    'connection',
    'message',
    'response',
    'server',
    'backend',
    'capture',
    'answer',
  ],
  'error-page': [
    'internal',
    'connection',
    'request',
    'message',
    'response',
    'body',
    'payload',
    'server',
    'backend',
    'capture',
  ],
  log: ['internal', 'connection', 'server', 'backend', 'capture'],
};

const NEEDS: Readonly<Record<Source, string>> = {
  internal: 'internal state',
  connection: 'client connection',
  request: 'HTTP request headers',
  message: 'HTTP request headers,HTTP response headers',
  body: 'HTTP request headers',
  payload: 'request buffer',
  answer: 'response buffer',
  response: 'HTTP response headers',
  server: 'server connection',
  backend: 'backend',
  capture: 'captures',
};

export const isKnownAt = (source: Source, place: Place): boolean => KNOWN[place].includes(source);

export const unavailable = (text: string, source: Source): string =>
  `sample fetch <${text}> may not be reliably used here because it needs '${NEEDS[source]}' which is not available here.`;
