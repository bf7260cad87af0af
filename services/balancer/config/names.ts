/** The first character that HAProxy does not allow in a proxy's or server's name, if any. */
export function forbiddenCharacter(name: string): string | undefined {
  return /[^A-Za-z0-9_:.-]/u.exec(name)?.[0];
}
