/** Byte values that the grammar of RFC 9112 names. */
export const LF = 10;
export const CR = 13;
export const HTAB = 9;
export const SP = 32;
export const COLON = 58;
export const COMMA = 44;
export const SEMICOLON = 59;
export const SLASH = 47;
export const ASTERISK = 42;

/** 1 for the bytes of a `token` (RFC 9110, 5.6.2): methods and field names. */
export const TOKEN = table((byte) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)));

/**
 * 1 for the bytes accepted in a request target: visible ASCII but `#`. More than RFC 3986 allows
 * and exactly what HAProxy accepts, since real clients send `"`, `|` and the like unescaped.
 */
export const TARGET = table((byte) => byte > SP && byte < 127 && byte !== 35);

/** Lower case of ASCII letters, every other byte itself. */
export const LOWER = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 65 && byte <= 90 ? byte + 32 : byte,
);

export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 48 && byte <= 57;
}

/** Value of a hexadecimal digit, or -1. */
export const HEX = Int8Array.from({ length: 256 }, (_, byte) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(LOWER[byte]!));
  return digit;
});

function table(accepts: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (accepts(byte) ? 1 : 0));
}
