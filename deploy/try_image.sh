#!/bin/sh
# Builds the image and tries it, without a container engine and without a registry: root on Debian,
# apt install buildah debootstrap. What it runs inside, as the image's own user: the local stack,
# `argus doctor`, and a batch from upload to report.
#
#   sh deploy/try_image.sh            # builds and tries; some ten minutes
#   sh deploy/try_image.sh --no-build # tries what was built before
#
# BASE=IMAGE takes a base of your own instead of one that debootstrap makes.
set -eu
cd "$(dirname "$0")/.."
say() { printf 'argus: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

[ "$(id -u)" = 0 ] || fail "it takes root: isolation by chroot is all that it needs of the system"
for program in buildah debootstrap; do
    command -v $program >/dev/null || fail "$program is not installed: apt install buildah debootstrap"
done

CACHE=${ARGUS_IMAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/argus/image}
SUITE=${SUITE:-bookworm}
mkdir -p "$CACHE"
work=$(mktemp -d)
container=
# A store of its own: nothing of this machine's images is touched.
store() { command buildah --root "$CACHE/storage" --runroot "$CACHE/run" "$@"; }
end() {
    [ -z "$container" ] || store rm "$container" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM

if [ "${1:-}" != --no-build ]; then
    if [ -z "${BASE:-}" ]; then
        BASE=localhost/argus-base:$SUITE
        if ! store inspect --type image "$BASE" >/dev/null 2>&1; then
            if [ ! -f "$CACHE/$SUITE/.complete" ]; then
                say "making the base by debootstrap, once"
                rm -rf "${CACHE:?}/$SUITE"
                debootstrap --variant=minbase "$SUITE" "$CACHE/$SUITE" >"$CACHE/debootstrap.log" 2>&1 ||
                    fail "debootstrap failed: see $CACHE/debootstrap.log"
                touch "$CACHE/$SUITE/.complete"
            fi
            container=$(store from scratch)
            store add -q "$container" "$CACHE/$SUITE" / >/dev/null
            store commit -q "$container" "$BASE" >/dev/null
            store rm "$container" >/dev/null
            container=
        fi
    fi

    # How this machine's pip reaches its index, as secrets of the build: they stay in no layer.
    certificates=${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}
    [ -f "$certificates" ] || fail "$certificates: there are no certificates: apt install ca-certificates"
    {
        echo '[global]'
        echo 'cert = /run/secrets/certificates.pem'
        echo 'timeout = 180'
        for name in index-url extra-index-url trusted-host proxy; do
            value=$(python3 -m pip config get "global.$name" 2>/dev/null) && echo "$name = $value"
        done || true
    } >"$work/pip.conf"
    chmod 600 "$work/pip.conf"

    say "building the image (minutes)"
    began=$(date +%s)
    store bud --isolation chroot --layers=false -f deploy/Dockerfile -t localhost/argus:try \
        --build-arg "BASE=$BASE" \
        --secret "id=pip,src=$work/pip.conf" --secret "id=certificates,src=$certificates" \
        . >"$CACHE/build.log" 2>&1 || { tail -n 30 "$CACHE/build.log" >&2; fail "the build failed: see $CACHE/build.log"; }
    say "built in $(($(date +%s) - began)) s"
fi

container=$(store from --pull-never localhost/argus:try)
inside() { store run --isolation chroot "$container" -- "$@"; }

root=$(store mount "$container")
say "the image holds $(du -sm "$root" | cut -f1) MB"
[ ! -e "$root/usr/bin/g++" ] && [ ! -e "$root/usr/bin/cc" ] || fail "there is a compiler in the image"
[ ! -e "$root/etc/pip.conf" ] || fail "the pip configuration of the build is in the image"
store umount "$container" >/dev/null
user=$(inside id -u)
[ "$user" = 10001 ] || fail "the image runs as user $user"
inside sh -c 'touch /opt/argus/root/x 2>/dev/null' && fail "its user can write to the project's root"

say "a batch from upload to report, and the doctor, inside"
began=$(date +%s)
inside sh -ec '
    argus --version
    argus up
    trap "argus down" EXIT
    argus simulate --out /tmp/fleet --batches 1 --size-mb 0.2 --seed 7
    set -- /tmp/fleet/*/
    argus upload "$1" --batch tried
    for second in $(seq 300); do
        argus report tried >/tmp/report.txt 2>/dev/null && break
        sleep 1
    done
    head -n 12 /tmp/report.txt
    test -s /tmp/report.txt
    argus doctor
'
say "all of it in $(($(date +%s) - began)) s"
