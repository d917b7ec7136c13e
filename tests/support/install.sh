#!/bin/sh
# Installs what the tests run against, where it is missing: servers, and word lists. Debian and its relatives only; elsewhere,
# or without the right to install, says what to install and fails. Does nothing when all is there.
set -eu

missing=
wanted=
[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || missing="$missing rabbitmq-server"
command -v redis-server >/dev/null 2>&1 && command -v redis-cli >/dev/null 2>&1 || missing="$missing redis-server"
command -v python3 >/dev/null 2>&1 || missing="$missing python3"
# Ground truth of what models are scripted to know.
[ -r /usr/share/wordnet/data.noun ] || missing="$missing wordnet-base"
[ -r /usr/share/iso-codes/json/iso_3166-2.json ] || missing="$missing iso-codes"
# Sets clocks, for `tests/run chaos`, which does without where it cannot be had.
ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || wanted=libfaketime
[ -n "$missing$wanted" ] || exit 0

give_up() {
    # What is only wanted can be done without.
    [ -n "$missing" ] || exit 0
    echo "The tests need these Debian packages, $1:$missing" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 || give_up "and there is no apt-get here to install them with"
if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root=sudo
else
    give_up "and only root may install them"
fi

# The packages start their servers as services of the system. The tests start their own: a policy that forbids
# starts keeps the ports and the memory free. One that is there already is left alone.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '$as_root rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi

# $missing and $wanted are lists of words.
# shellcheck disable=SC2086
install() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $missing $wanted
}
# Package lists may be missing, or older than what the mirror still holds.
install || { $as_root apt-get update && install; } || give_up "and apt-get could not install them"

# Where systemd runs, they would start at the next boot.
if [ -d /run/systemd/system ]; then
    for package in $missing; do
        case "$package" in *-server) ;; *) continue ;; esac
        $as_root systemctl disable --now "$package" || echo "The service $package could not be disabled." >&2
    done
fi
