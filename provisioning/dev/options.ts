/** What the command line asked for. */
export interface DevOptions {
  nodes: number | undefined;
  basePort: number | undefined;
  anonymous: boolean;
  data: string;
  json: boolean;
  config: string | undefined;
  /** Starts a Kafka too, and carries everything to it. */
  kafka: boolean;
}
