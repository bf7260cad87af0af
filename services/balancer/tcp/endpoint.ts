/** A socket in the file system, or an abstract one (which starts with a NUL). */
export const isLocalPath = (host: string): boolean => host.startsWith('/') || host.startsWith('\0');

/** Where to connect to, as `net.connect` takes it. */
export const endpointOf = (
  host: string,
  port: number,
): { path: string } | { host: string; port: number } =>
  isLocalPath(host) ? { path: host } : { host, port };
