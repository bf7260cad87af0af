export interface OsListOptions {
  version: string;
  /** Where the compressed image is fetched from. */
  url: string;
  /** Of the image as it goes onto the card. */
  size: number;
  sha256: string;
  /** Of the compressed image. */
  downloadSize: number;
  downloadSha256: string;
  /** Seconds since the epoch. */
  date: number;
}

/** Raspberry Pi Imager's names of the boards; the Zero 2 W is among those of a Pi 3. */
const DEVICES = ['pi3-64bit', 'pi4-64bit', 'pi5-64bit'];

/**
 * The list that Raspberry Pi Imager takes by `--repo`; only for an image of a list it writes host
 * name, user, key and Wi-Fi onto the card.
 */
export function osList(options: OsListOptions): string {
  const { version, url, size, sha256, downloadSize, downloadSha256, date } = options;
  const entry = {
    name: `Bramble ${version}`,
    description: 'An MQTT cluster of Raspberry Pis: the same card for each of them',
    url,
    extract_size: size,
    extract_sha256: sha256,
    image_download_size: downloadSize,
    image_download_sha256: downloadSha256,
    release_date: new Date(date * 1000).toISOString().slice(0, 10),
    devices: DEVICES,
    init_format: 'cloudinit',
  };
  return `${JSON.stringify({ os_list: [entry] }, undefined, 2)}\n`;
}
