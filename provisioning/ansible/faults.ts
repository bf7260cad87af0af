/** A fault that is common, and the command that mends it. */
export interface Fault {
  what: string;
  mend: string;
}

interface Target {
  name: string;
  address: string;
  user: string;
}

const KNOWN: readonly [RegExp, (node: Target) => Fault][] = [
  [
    /REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed/,
    ({ name, address }) => ({
      what: `${name} (${address}) shows another host key than before: another machine, or a card that was written anew`,
      mend: `ssh-keygen -R ${address}`,
    }),
  ],
  [
    /Permission denied \(|Too many authentication failures/,
    ({ name, address, user }) => ({
      what: `${name} (${address}) does not let "${user}" in with this key`,
      mend: `ssh-copy-id ${user}@${address}`,
    }),
  ],
  [
    /[Mm]issing sudo password|sudo: a password is required|is not in the sudoers/,
    ({ name, user }) => ({
      what: `"${user}" may not use sudo without a password on ${name}`,
      mend: `echo '${user} ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/bramble-owner`,
    }),
  ],
  [
    /Connection refused/,
    ({ name, address }) => ({
      what: `${name} (${address}) is there, but nothing answers on the port of ssh`,
      mend: 'sudo systemctl enable --now ssh',
    }),
  ],
  [
    /No route to host|timed out|Host is down|Network is unreachable|Connection closed|lost connection/,
    ({ name, address }) => ({
      what: `${name} (${address}) does not answer: off, another address, or another network`,
      mend: `ping ${address}`,
    }),
  ],
  [
    /Could not resolve hostname/,
    ({ name, address }) => ({
      what: `nobody knows the name ${address}`,
      mend: `ping ${name}.local`,
    }),
  ],
  [
    /No space left on device/,
    ({ name, address, user }) => ({
      what: `the disk of ${name} is full`,
      mend: `ssh ${user}@${address} sudo apt-get clean`,
    }),
  ],
  [
    /python.*not found|\/usr\/bin\/python3?: (not found|No such file)/i,
    ({ name, address, user }) => ({
      what: `${name} has no Python, which ansible needs there`,
      mend: `ssh ${user}@${address} sudo apt-get install -y python3`,
    }),
  ],
  [
    /Could not get lock|Unable to acquire the dpkg frontend lock/,
    ({ name, address, user }) => ({
      what: `another program installs packages on ${name} right now`,
      mend: `ssh ${user}@${address} sudo systemctl stop unattended-upgrades`,
    }),
  ],
];

/** What a message of ssh, sudo or ansible means; undefined for one that is not known. */
export function explain(message: string, node: Target): Fault | undefined {
  return KNOWN.find(([pattern]) => pattern.test(message))?.[1](node);
}
