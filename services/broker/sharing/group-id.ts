/** No client id begins so: control characters are refused in them. */
const PREFIX = '\u0001';

/** The client id under which the session of a shared subscription is stored. */
export function groupIdOf(key: string): string {
  return PREFIX + key;
}

export function isGroupId(clientId: string): boolean {
  return clientId.startsWith(PREFIX);
}

export function keyOfGroup(groupId: string): string {
  return groupId.slice(PREFIX.length);
}
