import type { ConverterTable } from './converter.ts';
import { ADDRESS_CONVERTERS } from './converters/address.ts';
import { DIGEST_CONVERTERS } from './converters/digest.ts';
import { ENCODING_CONVERTERS } from './converters/encoding.ts';
import { FIX_CONVERTERS } from './converters/fix.ts';
import { JWT_CONVERTERS } from './converters/jwt.ts';
import { MAP_CONVERTERS } from './converters/map.ts';
import { MQTT_CONVERTERS } from './converters/mqtt.ts';
import { NUMBER_CONVERTERS } from './converters/number.ts';
import { STATE_CONVERTERS } from './converters/state.ts';
import { TABLE_CONVERTERS } from './converters/table.ts';
import { TEXT_CONVERTERS } from './converters/text.ts';
import { VARIABLE_CONVERTERS } from './converters/variable.ts';
import type { FetchTable } from './fetch.ts';
import { CERTIFICATE_FETCHES } from './fetches/certificate.ts';
import { CLIENT_FETCHES } from './fetches/client.ts';
import { CONSTANT_FETCHES } from './fetches/constant.ts';
import { FIELD_FETCHES } from './fetches/fields.ts';
import { HTTP_FETCHES } from './fetches/http.ts';
import { PAYLOAD_FETCHES } from './fetches/payload.ts';
import { RESPONSE_STATE_FETCHES } from './fetches/response-state.ts';
import { SERVER_TLS_FETCHES } from './fetches/server-tls.ts';
import { STATE_FETCHES } from './fetches/state.ts';
import { TABLE_FETCHES } from './fetches/table.ts';

/** Every fetch by name: HAProxy 2.6 manual, sections 7.3.2 to 7.3.6. */
export const FETCHES: FetchTable = {
  ...CONSTANT_FETCHES,
  ...STATE_FETCHES,
  ...CERTIFICATE_FETCHES,
  ...CLIENT_FETCHES,
  ...RESPONSE_STATE_FETCHES,
  ...SERVER_TLS_FETCHES,
  ...PAYLOAD_FETCHES,
  ...FIELD_FETCHES,
  ...HTTP_FETCHES,
  ...TABLE_FETCHES,
};

/** Every converter by name: HAProxy 2.6 manual, section 7.3.1. */
export const CONVERTERS: ConverterTable = {
  ...TEXT_CONVERTERS,
  ...NUMBER_CONVERTERS,
  ...ADDRESS_CONVERTERS,
  ...DIGEST_CONVERTERS,
  ...ENCODING_CONVERTERS,
  ...FIX_CONVERTERS,
  ...JWT_CONVERTERS,
  ...MAP_CONVERTERS,
  ...MQTT_CONVERTERS,
  ...STATE_CONVERTERS,
  ...TABLE_CONVERTERS,
  ...VARIABLE_CONVERTERS,
};
