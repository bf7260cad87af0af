/**
 * What a scripted check consists of. Most kinds of checks are scripts: `option tcp-check` and
 * `option httpchk` have theirs in the configuration, the others come from `presets/`.
 */
export type CheckOk = 'L4OK' | 'L6OK' | 'L7OK' | 'L7OKC';
export type CheckFault = 'L4CON' | 'L6RSP' | 'L7RSP' | 'L7STS' | 'L7OKC';
export type CheckTimeout = 'L4TOUT' | 'L6TOUT' | 'L7TOUT';

/** Names of the checked server, for texts. */
export interface CheckSubject {
  readonly backend: string;
  readonly server: string;
  readonly address: string;
  readonly port: number;
  /** How the balancer sees it, in HAProxy's notation. */
  readonly state: (() => string) | undefined;
}

/** A response as far as it has come. Texts are latin1. */
export interface CheckedResponse {
  readonly status: number;
  readonly reason: string;
  /** Names in lower case, as they came in order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** Nothing of the body is still to come. */
  readonly complete: boolean;
}

/** What a text may be made from while the script runs. */
export interface CheckScope {
  readonly subject: CheckSubject;
  /** What was received since the last `send`. */
  readonly input: Buffer;
  readonly response: CheckedResponse | undefined;
  readonly variables: Map<string, unknown>;
}

/** Made anew at each check, from a log-format or by a preset. Bytes are latin1. */
export type CheckText = (scope: CheckScope) => string;

interface Step {
  /** Its place among the lines of the script, from 0, for messages. */
  index: number;
  comment: string | undefined;
}

export interface ConnectStep extends Step {
  kind: 'connect';
  /** Not written in the configuration. */
  implicit: boolean;
  /** What the server's own check parameters say on PROXY headers and TLS holds here, too. */
  defaults: boolean;
  addr: string | undefined;
  port: number | undefined;
  sendProxy: boolean;
  /** Through the SOCKS proxy of the server's line. */
  viaSocks4: boolean;
  /** Ends with a FIN where the others reset the connection. */
  linger: boolean;
  tls: boolean;
  sni: string | undefined;
  alpn: readonly string[];
}

export interface SendStep extends Step {
  kind: 'send';
  data: Buffer | CheckText;
  /** Set where the answer is HTTP, whose framing depends on the method. */
  method?: string;
}

/** Sets or removes a variable of this run. */
export interface SetStep extends Step {
  kind: 'set';
  name: string;
  value: ((scope: CheckScope) => unknown) | undefined;
}

/** `wait` for more, go on with the `next` step, or the end. */
export type ProtocolVerdict =
  | 'wait'
  | 'next'
  | { status: CheckOk | CheckFault; code?: number; info?: string };

/** How a text is compared, `-m` of `http-check expect hdr`. */
export type TextMatch =
  | { how: 'str' | 'beg' | 'end' | 'sub'; text: string | CheckText }
  | { how: 'reg'; pattern: RegExp };

export type Match =
  | { kind: 'string' | 'binary'; data: Buffer; shown: string }
  | { kind: 'string-lf' | 'binary-lf'; text: CheckText }
  | { kind: 'rstring' | 'rbinary'; pattern: RegExp }
  /** A format of one protocol; its judge sees all that has come since the last `send`. */
  | { kind: 'protocol'; judge(input: Buffer, ended: boolean): ProtocolVerdict }
  | { kind: 'status'; ranges: readonly (readonly [first: number, last: number])[] }
  | { kind: 'rstatus' | 'body-pattern'; pattern: RegExp }
  | { kind: 'body'; text: string }
  | { kind: 'body-lf'; text: CheckText }
  /** `full`: the whole value of a line, not its parts between commas. */
  | { kind: 'header'; full: boolean; name: TextMatch; value: TextMatch | undefined };

export interface ExpectStep extends Step {
  kind: 'expect';
  match: Match;
  negated: boolean;
  /** Bytes without which it does not decide; undefined = waits for as long as it does not match. */
  minReceived: number | undefined;
  ok: CheckOk | undefined;
  fault: CheckFault | undefined;
  timeout: CheckTimeout | undefined;
  onSuccess: CheckText | undefined;
  onError: CheckText | undefined;
  code: ((scope: CheckScope) => number | undefined) | undefined;
}

export type CheckStep = ConnectStep | SendStep | ExpectStep | SetStep;

/** The whole of one kind of check, as `option …-check` selects it. */
export type CheckMethod =
  | { kind: 'script'; protocol: 'tcp' | 'http' | 'other'; steps: CheckStep[]; drainOn404: boolean }
  | { kind: 'external'; command: string; path: string | undefined }
  | { kind: 'ping' };

export const connectStep = (more: Partial<ConnectStep> = {}): ConnectStep => ({
  kind: 'connect',
  index: 0,
  comment: undefined,
  implicit: false,
  defaults: false,
  addr: undefined,
  port: undefined,
  sendProxy: false,
  viaSocks4: false,
  linger: false,
  tls: false,
  sni: undefined,
  alpn: [],
  ...more,
});

export const sendStep = (data: SendStep['data'], more: Partial<SendStep> = {}): SendStep => ({
  kind: 'send',
  index: 0,
  comment: undefined,
  data,
  ...more,
});

export const expectStep = (match: Match, more: Partial<ExpectStep> = {}): ExpectStep => ({
  kind: 'expect',
  index: 0,
  comment: undefined,
  match,
  negated: false,
  minReceived: undefined,
  ok: undefined,
  fault: undefined,
  timeout: undefined,
  onSuccess: undefined,
  onError: undefined,
  code: undefined,
  ...more,
});

/** The connection that a script has where it does not begin with one of its own. */
export const implicitConnect = (): ConnectStep => connectStep({ implicit: true, defaults: true });

/** What a server is checked with where nothing else is asked for: the handshake. */
export const connectOnly = (): CheckMethod => ({
  kind: 'script',
  protocol: 'other',
  steps: [implicitConnect()],
  drainOn404: false,
});

/** The steps in their order, with their places as messages count them. */
export const numbered = (steps: CheckStep[]): CheckStep[] =>
  steps.map((step, index) => ({ ...step, index }));

/** Bytes from pairs of hexadecimal digits, or undefined. */
export function parseHexBytes(text: string): Buffer | undefined {
  return /^([\da-f]{2})*$/i.test(text) ? Buffer.from(text, 'hex') : undefined;
}

/** `send-binary-lf`: the digits become bytes; what is none sends nothing. */
export const hexText =
  (text: CheckText): CheckText =>
  (scope) =>
    parseHexBytes(text(scope))?.toString('latin1') ?? '';
