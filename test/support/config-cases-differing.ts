// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the language writes variables like this.
import { backend, defaults, globals, listen } from './config-text.ts';

/** HAProxy accepts these; we refuse them, at the line of the last word of the name. */
export const STRICTER: readonly [string, string, number[]][] = [
  ['a number that is none', globals('maxconn abc'), [2]],
  [
    'a negative number',
    `${defaults('maxconn -1', 'retries abc', 'retries -1', 'fullconn abc')}`,
    [2, 3, 4, 5],
  ],
  [
    'rest behind a number',
    backend(
      'server a 127.0.0.1:80 weight 10x',
      'server b 127.0.0.1:80 maxconn 1k',
      'server c 127.0.0.1:80 rise 2x',
    ),
    [2, 3, 4],
  ],
  ['rest behind a time', backend('server a 127.0.0.1:80 inter 1s500'), [2]],
  [
    'a check port that is none',
    backend('server a 127.0.0.1:80 port 99999', 'server b 127.0.0.1:80 port abc'),
    [2, 3],
  ],
  ['an unclosed brace in an address', listen('server a ${HOST:80'), [3]],
  ['listening words behind the name', 'frontend f 127.0.0.1:80\n', [1]],
  ['odd names of defaults', 'defaults a/b\ndefaults a b\n', [1, 2]],
  [
    'a tcp frontend on an http backend',
    'frontend f\n bind 127.0.0.1:80\n default_backend b\nbackend b\n mode http\n',
    [3],
  ],
  ['a second interval', defaults('option redispatch 1 2'), [2]],
  ['sections', 'mailers m\n', [1]],
  ['proxy keywords', backend('email-alert level info', 'option spop-check'), [2, 3]],
];

/** HAProxy calls these an alert and starts all the same; we call them a warning. */
export const MILDER: readonly [string, string, number[]][] = [
  [
    'what can be said once',
    globals(
      'maxconn 5',
      'maxconn 6',
      'pidfile a',
      'pidfile b',
      'log-send-hostname',
      'log-send-hostname a',
    ),
    [3, 5, 7],
  ],
];

/** HAProxy refuses these (the first by a slip of its own: the manual has it); we take them. */
export const LAXER: readonly [string, string][] = [
  ['default option', listen('default option clitcpka')],
  ['a default in an address outside of quotes', listen('bind 127.0.0.1:${NOT_SET-8081}')],
];
