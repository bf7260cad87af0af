/** One question to a service, at one layer. */
export interface Check {
  /** What is asked, for the reason's beginning: `MQTT at 127.0.0.1:11883`. */
  readonly name: string;
  /**
   * Resolves when the service answers as it should. Rejects with the reason when it does not; must
   * give up and free its socket when the signal is aborted.
   */
  run(signal: AbortSignal): Promise<void>;
}
