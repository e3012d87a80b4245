#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# install.sh [--uninstall] [--tshark FILE]
#
# Puts the plugin beside this script where Wireshark looks: in the folder of the user who runs it, or, run by root, in
# that of all users. With --uninstall it is removed again, also where that Wireshark was upgraded or is gone. Nothing is
# changed unless all can be.
set -eu

release=@RELEASE@
file=wechat.so
tab=$(printf '\t')

die() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

# WORD for a line that is pasted into a shell.
quote() {
    printf "'%s'\n" "$(printf '%s\n' "$1" | sed "s/'/'\\\\''/g")"
}

# Is FILE our plugin?
is_ours() {
    LC_ALL=C grep -q wechat_dissector_new "$1" 2>/dev/null
}

# The words with which the package is removed that owns FILE, if one does. Only the first manager of packages that is
# here is asked: a second one, which manages nothing, would begin a list of its own in the user's home.
owner() {
    if command -v dpkg-query >/dev/null; then
        if name=$(dpkg-query --search "$1" 2>/dev/null); then echo "apt remove ${name%%:*}"; fi
    elif command -v rpm >/dev/null; then
        if name=$(rpm -qf --qf '%{NAME}' "$1" 2>/dev/null); then echo "dnf remove $name"; fi
    elif command -v pacman >/dev/null; then
        if name=$(pacman -Qqo "$1" 2>/dev/null); then echo "pacman -R $name"; fi
    fi
}

# The version of a tshark, as 4.0.
version() {
    "$1" --version 2>/dev/null |
        sed -n 's/^[^0-9]*Wireshark[^0-9]*\([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' | head -n 1
}

# A line for each tshark: its version, a tab, its path. One that is found twice has one line.
tsharks() (
    set -f
    IFS=:
    known=:
    for folder in $PATH; do
        program=${folder:-.}/tshark
        if [ ! -f "$program" ] || [ ! -x "$program" ]; then continue; fi
        real=$(readlink -f "$program") || real=$program
        case $known in *:"$real":*) continue ;; esac
        known=$known$real:
        printf '%s\t%s\n' "$(version "$program")" "$program"
    done
)

# What a tshark says of the folder with this label.
folder_of() {
    "$1" -G folders 2>"$words" | sed -n "s/^$2:[[:space:]]*//p" | head -n 1
}

# The folder that dissectors are put into, below the one with this label.
plugin_folder() {
    found=$(folder_of "$1" "$2")
    [ -n "$found" ] || die "$1 does not say where its plugins are: $(head -n 1 "$words")"
    echo "$found/epan"
}

# Where plugins of all versions are: beside those of the Wiresharks that are here, and where they are as a rule.
plugin_folders() {
    printf '%s\n' "$found" | while IFS=$tab read -r _ program; do
        one=
        [ -z "$program" ] || one=$(folder_of "$program" "$label")
        [ -z "$one" ] || dirname "$one"
    done
    if [ "$label" = 'Personal Plugins' ]; then
        [ -z "${HOME:-}" ] || echo "$HOME/.local/lib/wireshark/plugins"
        return
    fi
    for one in /usr/lib*/wireshark/plugins /usr/lib/*/wireshark/plugins \
        /usr/local/lib*/wireshark/plugins /usr/local/lib/*/wireshark/plugins; do
        echo "$one"
    done
}

# The folders in which a Wireshark of this release that is gone has left a plugin of this name, each once.
left_behind() {
    known=
    plugin_folders | while IFS= read -r one; do
        one=$one/$release/epan
        case $known in *"$tab$one$tab"*) continue ;; esac
        known=$known$tab$one$tab
        if [ -e "$one/$file" ]; then echo "$one"; fi
    done
}

uninstall=
chosen=
while [ $# -gt 0 ]; do
    case $1 in
        --uninstall) uninstall=yes ;;
        --tshark)
            [ $# -gt 1 ] || die "--tshark wants the path of a tshark"
            chosen=$2
            shift
            ;;
        *) die "usage: install.sh [--uninstall] [--tshark FILE]" ;;
    esac
    shift
done

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
scratch=$(mktemp -d) || die "there is no folder for temporary files; set TMPDIR to one"
trap 'rm -rf "$scratch"' EXIT
trap 'die interrupted' HUP INT TERM
words=$scratch/words

# 1. Which Wireshark?
if [ -n "$chosen" ]; then
    [ -x "$chosen" ] || die "there is no program $chosen"
    found=$(version "$chosen")$tab$chosen
else
    found=$(tsharks)
fi
fitting=$(printf '%s\n' "$found" | grep "^$release$tab" || :)
if [ -z "$fitting" ] && [ -z "$uninstall" ]; then
    # The window's program does not say where its plugins are.
    [ -n "$found" ] || die "there is no tshark here to ask where plugins belong; install tshark $release first"
    die "this plugin is for Wireshark $release, and here is $(printf '%s\n' "$found" |
        sed "s/^$tab/one that names no version$tab/; s/\(.*\)$tab\(.*\)/\1 (\2)/" | paste -sd, -); take the archive for that version"
fi

# 2. Which folder?
label='Personal Plugins'
where="your folder of plugins"
if [ "$(id -u)" = 0 ] || [ "$(id -g)" = 0 ]; then
    label='Global Plugins'
    where="the folders of all users"
fi
if [ -z "$fitting" ]; then
    folders=$(left_behind)
    [ -n "$folders" ] || die "there is nothing to remove: no Wireshark $release is here, and none has left a $file in $where"
else
    folder=
    while IFS=$tab read -r _ program; do
        one=$(plugin_folder "$program" "$label")
        if [ -n "$folder" ] && [ "$folder" != "$one" ]; then
            die "there are two Wiresharks $release, $chosen and $program; name one with --tshark"
        fi
        folder=$one
        chosen=${chosen:-$program}
    done <<END
$fitting
END
    folders=$folder
fi

# 3. What is there?
while IFS= read -r folder; do
    target=$folder/$file
    remove=$(owner "$target")
    [ -z "$remove" ] || die "$target belongs to a package; first: $remove"
    [ -n "$uninstall" ] || continue
    [ -e "$target" ] || die "there is nothing to remove: there is no $target"
    is_ours "$target" || die "$target is another plugin, which stays"
    [ -w "$folder" ] || die "you may not remove $target"
done <<END
$folders
END
if [ -n "$uninstall" ]; then
    while IFS= read -r folder; do
        target=$folder/$file
        rm -f "$target" 2>/dev/null || die "you may not remove $target"
        echo "Removed $target"
        # What was made for it; folders with something in them stay.
        [ "$label" = 'Personal Plugins' ] || continue
        while [ "$folder" != "${folder%/.local*}" ] && rmdir "$folder" 2>/dev/null; do folder=$(dirname "$folder"); done
    done <<END
$folders
END
    exit 0
fi
# At its end, read leaves nothing in the variable. To install there is one folder.
folder=$folders
target=$folder/$file
[ -f "$here/$file" ] || die "there is no $file beside this script"
if [ -e "$target" ] && ! is_ours "$target"; then die "$target is another plugin; move it away first"; fi
for other in "$folder"/*.so; do
    if [ "$other" != "$target" ] && is_ours "$other"; then
        die "$other is this plugin under another name, and Wireshark would not start with both; remove it first"
    fi
done
if [ "$label" = 'Personal Plugins' ]; then
    system=$(plugin_folder "$chosen" 'Global Plugins')/$file
    if is_ours "$system"; then
        remove=$(owner "$system")
        die "$system is installed for all users, and Wireshark takes that one; first: ${remove:-sudo rm $(quote "$system")}"
    fi
fi

# 4. Put it there, see that it loads, and take it back if not.
made=
step=$folder
while [ ! -e "$step" ]; do
    made="$made$step
"
    step=$(dirname "$step")
done
if [ ! -d "$step" ] || [ ! -w "$step" ] || [ ! -x "$step" ]; then die "you may not write to $step"; fi
old=
put=
take_back() {
    {
        if [ -n "$old" ]; then
            cp -p "$old" "$target.new" && mv -f "$target.new" "$target"
        elif [ -n "$put" ]; then
            rm -f "$target"
        fi
        rm -f "$target.new"
        printf '%s' "$made" | while IFS= read -r step; do rmdir "$step"; done
    } 2>/dev/null || :
}
umask 022
trap 'take_back; die interrupted' HUP INT TERM
if ! {
    mkdir -p "$folder" && cp "$here/$file" "$target.new" && chmod 644 "$target.new" &&
        { [ ! -e "$target" ] || { cp -p "$target" "$scratch/old" && old=$scratch/old; }; } &&
        put=yes && mv -f "$target.new" "$target"
} 2>"$words"; then
    take_back
    die "$folder cannot be written to: $(head -n 1 "$words")"
fi
if ! "$chosen" -G plugins 2>"$words" | grep -qF "$tab$target"; then
    take_back
    why=$(grep -F "$file" "$words" | head -n 1)
    die "$chosen does not load the plugin: ${why:-it does not say why}"
fi
trap 'exit 1' HUP INT TERM
echo "Installed $target${old:+ again}"
profiles=$(folder_of "$chosen" 'Personal configuration')/profiles
if [ -d "$here/profile" ] && [ "$label" = 'Personal Plugins' ] && [ "$profiles" != /profiles ]; then
    echo "Its profile, if you want it: mkdir -p $(quote "$profiles") && cp -R $(quote "$here/profile/.") $(quote "$profiles")"
fi
echo "Try it: $chosen -r YOUR.pcap -Y 'wechat or mmtls'"
