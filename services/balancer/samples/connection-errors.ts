/** What ends a connection before it is a session, as HAProxy 2.6 numbers it (manual, `fc_err`). */
const NUMBERS: Readonly<Record<string, number>> = {
  'Connection closed while waiting for PROXY protocol header': 11,
  'Connection error while waiting for PROXY protocol header': 12,
  'Timeout while waiting for PROXY protocol header': 13,
  'Truncated PROXY protocol header received': 14,
  'Received something which does not look like a PROXY protocol header': 15,
  'Received an invalid PROXY protocol header': 16,
  'Received an unhandled protocol in the PROXY protocol header': 17,
  'Connection closed during SSL handshake': 24,
  'Connection error during SSL handshake': 25,
  'Timeout during SSL handshake': 26,
  'SSL client CA chain cannot be verified': 30,
  'SSL client certificate not trusted': 31,
  'SSL handshake failure': 34,
};

export const faultNumber = (fault: string | undefined): number =>
  fault === undefined ? 0 : (NUMBERS[fault] ?? 0);
