/** `agent-check` and what goes with it. */
export interface AgentConfig {
  /** undefined = where the server's checks go. */
  host: string | undefined;
  port: number;
  /** Between two questions, and the limit for an answer where `timeout check` is unset. */
  inter: number;
  /** Sent at the beginning; '' = nothing. */
  send: string;
}

/** What follows from checks, or stands in for them (manual, section 5.2). */
export interface HealthConfig {
  agent: AgentConfig | undefined;
  /** `track [<proxy>/]<server>`: its state is this one's. */
  track: { proxy: string | undefined; server: string } | undefined;
  observe: 'layer4' | 'layer7' | undefined;
  /** Errors in a row that `onError` is for. */
  errorLimit: number;
  onError: 'fastinter' | 'fail-check' | 'sudden-death' | 'mark-down';
  /** Its sessions end when it goes down. */
  shutsSessions: boolean;
  /** The sessions of backup servers end when it comes up. */
  shutsBackups: boolean;
}

export const DEFAULT_HEALTH: HealthConfig = {
  agent: undefined,
  track: undefined,
  observe: undefined,
  errorLimit: 10,
  onError: 'fail-check',
  shutsSessions: false,
  shutsBackups: false,
};
