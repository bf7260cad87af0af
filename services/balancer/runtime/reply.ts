/** Severities of RFC 5424 that commands answer with. */
const NAMES = { 3: 'err', 4: 'warning', 5: 'notice', 6: 'info' } as const;
type Severity = keyof typeof NAMES;

/** What a command has to say. */
export interface Reply {
  /** Its own line feed at the end, or none. */
  readonly text: string;
  /** undefined = data, which never carries a severity. */
  readonly severity?: Severity;
}

export const NOTHING: Reply = { text: '' };
export const data = (text: string): Reply => ({ text });
export const info = (text: string): Reply => ({ text: `${text}\n`, severity: 6 });
export const notice = (text: string): Reply => ({ text: `${text}\n`, severity: 5 });
export const warning = (text: string): Reply => ({ text: `${text}\n`, severity: 4 });
export const failure = (text: string): Reply => ({ text: `${text}\n`, severity: 3 });
/** As `failure`, of the messages that HAProxy ends without a line feed of their own. */
export const bareFailure = (text: string): Reply => ({ text, severity: 3 });

/** `set severity-output` (management guide, section 9.3). */
export type SeverityOutput = 'none' | 'number' | 'string';

export function render({ text, severity }: Reply, output: SeverityOutput): string {
  if (severity === undefined || output === 'none' || text === '') return text;
  return `[${output === 'number' ? severity : NAMES[severity]}]: ${text}`;
}
