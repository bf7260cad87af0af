import { Variables } from '../samples/variables.ts';

/** What outlives a request of one client connection: its `sess` variables and addresses. */
export class SessionState {
  readonly variables = new Variables();
}
