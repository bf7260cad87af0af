import { readFileSync } from 'node:fs';

const LINUX_DEFAULT = 7200;

/**
 * Seconds of silence before the first TCP keepalive probe: the system's own setting, as HAProxy
 * leaves it (manual, `option clitcpka`).
 */
export const KEEPALIVE_IDLE = systemSetting();

function systemSetting(): number {
  try {
    const seconds = Number(readFileSync('/proc/sys/net/ipv4/tcp_keepalive_time', 'utf8'));
    return seconds > 0 ? seconds : LINUX_DEFAULT;
  } catch {
    return LINUX_DEFAULT;
  }
}
