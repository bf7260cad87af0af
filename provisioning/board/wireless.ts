import { pbkdf2Sync } from 'node:crypto';
import { parseRecord, record } from './user-data.ts';

export interface AccessPoint {
  ssid: string;
  /** 64 hexadecimal digits; undefined for a network that is open. */
  psk: string | undefined;
  hidden: boolean;
}

export interface Wireless {
  /** ISO 3166 code: which channels and how loud. */
  country: string | undefined;
  accessPoints: readonly AccessPoint[];
  notes: readonly string[];
}

/** The card that every board with Wi-Fi has. */
export const WIFI = 'wlan0';
/** IEEE 802.11: an SSID is 1 to 32 bytes. */
const SSID_BYTES = 32;
/** IEEE 802.11 annex J.4: how a key comes out of a passphrase. */
const ROUNDS = 4096;
const PSK_BYTES = 32;

/** Reads the Wi-Fi part of netplan's network-config as Raspberry Pi Imager writes it. Never throws. */
export function parseNetworkConfig(text: string): Wireless {
  const notes: string[] = [];
  const top = parseRecord(text, 'network-config', notes);
  const wifis = record((record(top.network).wifis ?? top.wifis) as unknown);
  const points = new Map<string, AccessPoint>();
  let country: string | undefined;
  for (const [key, value] of [['wifis', wifis], ...Object.entries(wifis)] as [string, unknown][]) {
    const card = record(value);
    const code = card['regulatory-domain'];
    if (typeof code === 'string' && /^[A-Z]{2}$/.test(code)) country = code;
    else if (code !== undefined) notes.push(`network-config: ${key} has no country's code.`);
    for (const [ssid, point] of Object.entries(record(card['access-points']))) {
      const read = readPoint(ssid, record(point), notes);
      if (read !== undefined) points.set(ssid, read);
    }
  }
  return { country, accessPoints: [...points.values()], notes };
}

function readPoint(
  ssid: string,
  point: Readonly<Record<string, unknown>>,
  notes: string[],
): AccessPoint | undefined {
  const length = Buffer.byteLength(ssid);
  if (length === 0 || length > SSID_BYTES) {
    notes.push(
      `network-config: a Wi-Fi network's name has 1 to ${SSID_BYTES} bytes, not ${length}.`,
    );
    return undefined;
  }
  const given = point.password ?? record(point.auth).password;
  const hidden = point.hidden === true;
  if (given === undefined || given === null || given === '')
    return { ssid, psk: undefined, hidden };
  const psk = readKey(ssid, String(given));
  if (psk !== undefined) return { ssid, psk, hidden };
  notes.push(`network-config: the password of ${JSON.stringify(ssid)} has 8 to 63 characters.`);
  return undefined;
}

/** A key as it is, or out of a passphrase: what lies on the card is then no word of the owner's. */
function readKey(ssid: string, given: string): string | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(given)) return given.toLowerCase();
  const length = Buffer.byteLength(given);
  if (length < 8 || length > 63) return undefined;
  return pbkdf2Sync(given, ssid, ROUNDS, PSK_BYTES, 'sha1').toString('hex');
}

/** Where wpa_supplicant@.service of a card looks. */
export function supplicantFile(card: string): string {
  return `etc/wpa_supplicant/wpa_supplicant-${card}.conf`;
}

/** wpa_supplicant.conf(5). Names are hexadecimal, so that nothing in them ends a line or a string. */
export function supplicantConf({ country, accessPoints }: Wireless): string {
  const networks = accessPoints.map(
    ({ ssid, psk, hidden }) => `network={
  ssid=${Buffer.from(ssid).toString('hex')}
  scan_ssid=${hidden ? 1 : 0}
  ${psk === undefined ? 'key_mgmt=NONE' : `key_mgmt=WPA-PSK WPA-PSK-SHA256\n  psk=${psk}\n  ieee80211w=1`}
}
`,
  );
  const domain = country === undefined ? '' : `country=${country}\n`;
  return `# From network-config on the FAT partition.\nctrl_interface=DIR=/run/wpa_supplicant GROUP=netdev\n${domain}${networks.join('')}`;
}
