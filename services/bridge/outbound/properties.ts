/** What MQTT 5 properties of a PUBLISH (3.3.2.3) say that travel end to end. */
export interface PublishedProperties {
  contentType: string | undefined;
  responseTopic: string | undefined;
  correlationData: Buffer | undefined;
  /** Names may come more than once. */
  user: readonly (readonly [name: string, value: string])[];
}

const PAYLOAD_FORMAT = 0x01;
const CONTENT_TYPE = 0x03;
const RESPONSE_TOPIC = 0x08;
const CORRELATION_DATA = 0x09;
const USER_PROPERTY = 0x26;

export const NO_PROPERTIES: PublishedProperties = Object.freeze({
  contentType: undefined,
  responseTopic: undefined,
  correlationData: undefined,
  user: [],
});

/**
 * Reads the properties of a message of the log. They were checked when the message came in; what
 * does not parse all the same ends the reading, and what stands before it counts.
 */
export function readProperties(bytes: Buffer): PublishedProperties {
  if (bytes.length === 0) return NO_PROPERTIES;
  const user: [string, string][] = [];
  const found: { -readonly [K in keyof PublishedProperties]: PublishedProperties[K] } = {
    ...NO_PROPERTIES,
    user,
  };
  let at = 0;
  const binary = (): Buffer => {
    const end = at + 2 + bytes.readUInt16BE(at);
    if (end > bytes.length) throw new RangeError('a property runs past the end');
    const part = bytes.subarray(at + 2, end);
    at = end;
    return part;
  };
  try {
    while (at < bytes.length) {
      switch (bytes[at++]) {
        case PAYLOAD_FORMAT:
          at++;
          break;
        case CONTENT_TYPE:
          found.contentType = binary().toString();
          break;
        case RESPONSE_TOPIC:
          found.responseTopic = binary().toString();
          break;
        case CORRELATION_DATA:
          found.correlationData = binary();
          break;
        case USER_PROPERTY:
          user.push([binary().toString(), binary().toString()]);
          break;
        default:
          return found;
      }
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return found;
}
