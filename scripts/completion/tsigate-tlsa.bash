# Completion of tsigate-tlsa(1) for bash: its own help has the commands and options.
_tsigate_tlsa()
{
    local tool=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} words='' word
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        words=$("$tool" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p')
    elif [[ $current == -* ]]; then
        words=$("$tool" help "${COMP_WORDS[1]}" 2>/dev/null |
            grep -oE -- '--[a-z][a-z-]+' | sort -u)
    else
        compopt -o default 2>/dev/null
    fi
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <(compgen -W "$words" -- "$current")
}
complete -F _tsigate_tlsa tsigate-tlsa
