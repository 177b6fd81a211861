# step COMMAND …: prints a command as one would type it, quotes included, and runs it. For the other scripts here.
step() {
    printf '\n$'
    for word in "$@"; do
        case $word in
            '' | *[!A-Za-z0-9_./:=@%+,-]*) printf " '%s'" "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")" ;;
            *) printf ' %s' "$word" ;;
        esac
    done
    echo
    "$@"
}
