/** TPKT header, then X.224 connection request: MS-RDPBCGR, section 2.2.1.1. */
const HEADER = 11;
const CONNECTION_REQUEST = 0xe0;
const PREFIX = 'Cookie: ';

/**
 * The value of a cookie in the first packet of an RDP client, in characters that are bytes. An
 * empty `name` takes whichever is there. Undefined when there is none, or not yet.
 */
export function rdpCookie(data: readonly Buffer[], name: string): string | undefined {
  const bytes = data.length === 1 ? data[0]! : Buffer.concat(data);
  if (bytes.length < HEADER + PREFIX.length) return undefined;
  const [version, reserved] = bytes;
  const isRequest = version === 3 && reserved === 0 && bytes[5] === CONNECTION_REQUEST;
  if (!isRequest) return undefined;
  const line = bytes.toString('latin1', HEADER);
  if (line.slice(0, PREFIX.length).toLowerCase() !== PREFIX.toLowerCase()) return undefined;
  const end = line.indexOf('\r\n');
  if (end < 0) return undefined;
  const equals = line.indexOf('=');
  if (equals < 0 || equals > end) return undefined;
  const found = line.slice(PREFIX.length, equals);
  if (name !== '' && found.toLowerCase() !== name.toLowerCase()) return undefined;
  return line.slice(equals + 1, end);
}
