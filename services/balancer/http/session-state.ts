import { Variables } from '../samples/variables.ts';
import type { Trackers } from '../stickiness/table/trackers.ts';

/** What outlives a request of one client connection: its `sess` variables and addresses. */
export class SessionState {
  readonly variables = new Variables();
  /** What the connection counts in stick-tables. */
  trackers: Trackers | undefined;
}
