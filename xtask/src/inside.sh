# SPDX-License-Identifier: GPL-2.0-or-later
# inside.sh ROOT [FOLDER]... -- PROGRAM [ARGUMENT]...
#
# Runs a program with ROOT as its root folder and each FOLDER where it is outside. Started in a mount
# namespace of its own, so that nothing stays mounted.
set -eu
root=$1
shift
while [ "$1" != -- ]; do
    mkdir -p "$root$1"
    mount --rbind "$1" "$root$1"
    shift
done
shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"
