import { isUtf8 } from 'node:buffer';
import type { PublishedProperties } from './properties.ts';
import type { SourceMessage } from './source-message.ts';

/**
 * A publication as one JSON document. `payload` is JSON where it is that, else text where it is
 * UTF-8, else Base64, as `payloadEncoding` tells.
 */
export function envelope(
  message: SourceMessage,
  { contentType, user }: PublishedProperties,
  time: number,
): Buffer {
  const { topic, qos, retain, publisher, origin, sequence, payload } = message;
  const [payloadEncoding, body] = payloadOf(payload);
  return Buffer.from(
    JSON.stringify({
      topic,
      qos,
      retain,
      ...(publisher === '' ? {} : { clientId: publisher }),
      ...(origin === '' ? {} : { node: origin }),
      ...(sequence === 0 ? {} : { id: `${origin}/${sequence}` }),
      timestamp: time,
      ...(contentType === undefined ? {} : { contentType }),
      ...(user.length === 0 ? {} : { userProperties: user }),
      payloadEncoding,
      payload: body,
    }),
  );
}

function payloadOf(payload: Buffer): ['json' | 'text' | 'base64', unknown] {
  if (!isUtf8(payload)) return ['base64', payload.toString('base64')];
  const text = payload.toString();
  try {
    return ['json', JSON.parse(text)];
  } catch {
    return ['text', text];
  }
}
