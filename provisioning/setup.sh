#!/bin/sh
# Installs the Debian packages that `make run` or `make test` need, and only those that are missing.
#
#   provisioning/setup.sh run    nats-server
#   provisioning/setup.sh kafka  what Apache Kafka needs, and what fetches it
#   provisioning/setup.sh test   that, and the real parts that the tests use
#   provisioning/setup.sh bench  the peers that are measured beside ours, and what loads them
#   provisioning/setup.sh image  what builds the image of a Pi's card, and boots it
#   provisioning/setup.sh ansible  what `bramble apply` runs on the machine that it is typed on
#   provisioning/setup.sh test-ansible  that, and what tests the playbooks
#
# Exit codes: 0 all there, 2 wrong usage, 77 not root (EX_NOPERM), else apt-get's own.
set -eu

# Debian keeps daemons where the PATH of a normal user does not look.
root="${DPKG_ROOT-}"
PATH="$PATH:$root/usr/local/sbin:$root/usr/sbin:$root/sbin"

case "${1-}" in
  run) wanted='nats-server' ;;
  kafka) wanted='default-jre-headless maven' ;;
  test) wanted='nats-server haproxy mosquitto chromium fonts-dejavu-core openssl iputils-ping default-jre-headless maven' ;;
  bench) wanted='nats-server haproxy mosquitto openssl wrk' ;;
  image) wanted='mmdebstrap arch-test squashfs-tools genimage mtools dosfstools e2fsprogs xz-utils qemu-user-static binfmt-support qemu-system-arm' ;;
  ansible) wanted='ansible openssh-client' ;;
  test-ansible) wanted='ansible openssh-client ansible-lint' ;;
  *)
    echo "usage: provisioning/setup.sh run|kafka|test|bench|image|ansible|test-ansible" >&2
    exit 2
    ;;
esac

# Told by what the package brings, so that a program installed in another way counts too.
is_there() {
  case "$1" in
    chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ;;
    default-jre-headless) command -v java ;;
    maven) command -v mvn ;;
    fonts-*) [ -n "$(find "$root/usr/share/fonts" "$root/usr/local/share/fonts" -name '*.[to]tf' 2>/dev/null | head -n 1)" ] ;;
    iputils-ping) command -v ping ;;
    squashfs-tools) command -v sqfstar ;;
    mtools) command -v mcopy ;;
    dosfstools) command -v mkfs.vfat ;;
    e2fsprogs) command -v mke2fs ;;
    xz-utils) command -v xz ;;
    ansible) command -v ansible-playbook ;;
    openssh-client) command -v ssh ;;
    qemu-user-static) command -v qemu-aarch64-static ;;
    binfmt-support) command -v update-binfmts ;;
    qemu-system-arm) command -v qemu-system-aarch64 ;;
    *) command -v "$1" ;;
  esac >/dev/null 2>&1
}

missing=''
for package in $wanted; do
  is_there "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if ! command -v apt-get >/dev/null 2>&1; then
  echo "bramble: not installed:$missing" >&2
  echo "This is no Debian; install them with this system's package manager." >&2
  exit 69
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "bramble: not installed:$missing" >&2
  echo "Run this once, then try again:" >&2
  echo "  sudo $install" >&2
  exit 77
fi

# Debian starts a daemon when its package is installed. These would take the ports that the cluster
# wants, so starting is refused for the time of the installation (invoke-rc.d(8)).
policy="$root/usr/sbin/policy-rc.d"
if [ ! -e "$policy" ] && [ ! -L "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

# Debconf must not ask, and the package lists are fetched only when they do not know the packages.
export DEBIAN_FRONTEND=noninteractive
for package in $missing; do
  apt-cache show "$package" >/dev/null 2>&1 && continue
  apt-get update -q
  break
done
echo "bramble: installing$missing"
# Lists that are old may name files that are gone: fetch new ones and try once more.
# shellcheck disable=SC2086
if ! $install -q; then
  apt-get update -q
  # shellcheck disable=SC2086
  $install -q
fi

# Nor must they take the ports after the next boot. Only what was installed just now is touched.
if [ -d "$root/run/systemd/system" ]; then
  for package in $missing; do
    case "$package" in
      nats-server | haproxy | mosquitto) systemctl disable -q "$package" || : ;;
    esac
  done
fi

for package in $missing; do
  is_there "$package" || { echo "bramble: $package is installed but not found" >&2; exit 69; }
done
