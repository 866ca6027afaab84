# shellcheck shell=bash
# aio for a shell: source this in bash or zsh. It is installed under the names of agents, as codex-hook.sh.
#
#   aio_heartbeat         say that this session lives
#   aio_claim_file FILE   hold a file
#   aio_claim_dir DIR     hold a directory with everything in it
#   aio_safe_edit FILE    hold a file before editing it; says so and returns 1 when somebody else holds it
#   aio_cleanup           let go of everything this shell holds, and leave
#
# Sourcing defines functions and runs nothing. The first call of somebody who takes no part yet registers: inside an agent
# as that agent, else as the one that this file is named for, with this shell as its process. The functions return what `aio` returns, and 0
# where aio is missing.
#
# When the shell ends, what it holds is released: in bash after an EXIT trap of yours, in zsh by zshexit_functions. A trap
# that you set later replaces ours in bash, as any trap does; the next call of a function here appends ours again.
# Where ours does not run (a later trap, exec, kill -9) nothing is lost but seconds: the process is gone, and so its claims.

# bash tells in BASH_SOURCE which file this is, and zsh in $0.
_aio_tool=${BASH_SOURCE[0]:-$0} _aio_tool=${_aio_tool##*/} _aio_tool=${_aio_tool%-hook.sh}
case $_aio_tool in
    [!a-z]* | *[!a-z0-9-]* | '') _aio_tool=agent ;;
esac

# Who this shell registered as, empty where it did not, and whether it did so for itself. Inherited, it is another shell's.
if [ "${_aio_shell-}" != "$$" ]; then
    _aio_shell=$$ _aio_instance='' _aio_owns='' _aio_told=''
fi

aio_heartbeat() {
    _aio_call heartbeat >/dev/null
}

aio_claim_file() {
    _aio_call claim file -- "${1-}"
}

aio_claim_dir() {
    _aio_call claim directory -- "${1-}"
}

aio_safe_edit() {
    local code=0
    _aio_call claim file -- "${1-}" >/dev/null || code=$?
    # Only a refusal keeps anybody from working; whatever else went wrong has been said.
    [ "$code" -eq 1 ] || return 0
    printf 'WARNING: do not edit %s now\n' "${1-}" >&2
    return 1
}

aio_cleanup() {
    local instance=$_aio_instance
    [ -n "$_aio_owns" ] || return 0
    _aio_instance='' _aio_owns=''
    _aio_find || return 0
    "$_aio_program" --as="$instance" unregister >/dev/null
}

# Runs aio as this shell's session. What it says of nobody's being registered is kept back: then it is done, and run again.
_aio_call() {
    local said code=0
    _aio_find || return 0
    _aio_chain_exit
    { said=$("$_aio_program" ${_aio_instance:+--as="$_aio_instance"} "$@" 2>&1 >&3) || code=$?; } 3>&1
    if [ "$code" -eq 3 ]; then
        _aio_join || return $?
        "$_aio_program" --as="$_aio_instance" "$@"
        return $?
    fi
    [ -z "$said" ] || printf '%s\n' "$said" >&2
    return "$code"
}

# Inside an agent its process is recorded. Elsewhere this shell is, unless it ends with the one command it was given.
_aio_join() {
    local said code=0
    _aio_instance='' _aio_owns=''
    said=$("$_aio_program" register 2>&1) || code=$?
    if [ "$code" -eq 2 ]; then
        code=0
        if [ -n "${BASH_EXECUTION_STRING+x}${ZSH_EXECUTION_STRING+x}" ]; then
            said=$("$_aio_program" register "$_aio_tool" 2>&1) || code=$?
            # Held until the next command, or until aio_cleanup.
            _aio_owns=asked
        else
            said=$("$_aio_program" register "$_aio_tool" --pid "$$" 2>&1) || code=$?
            # The end of a subshell is not the end of the shell.
            [ "${BASH_SUBSHELL:-0}${ZSH_SUBSHELL:-0}" != 00 ] || _aio_owns=yes
        fi
    fi
    if [ "$code" -ne 0 ]; then
        _aio_owns=''
        printf '%s\n' "$said" >&2
        return "$code"
    fi
    said=${said#*Registered: }
    _aio_instance=${said%%[!a-z0-9-]*}
    _aio_chain_exit
}

# Appends ours to what is to happen when the shell ends, once.
_aio_chain_exit() {
    [ "$_aio_owns" = yes ] || return 0
    if [ -n "${ZSH_VERSION-}" ]; then
        # In the words of zsh alone. A trap on EXIT set in one of its functions would be that function's.
        eval 'typeset -ga zshexit_functions
            (( ${zshexit_functions[(Ie)_aio_at_exit]} )) || zshexit_functions+=(_aio_at_exit)'
    elif [ -n "${BASH_VERSION-}" ]; then
        local theirs
        theirs=$(trap -p EXIT)
        case $theirs in *_aio_at_exit*) return 0 ;; esac
        # It is printed as a command: trap -- 'what is to happen' EXIT.
        eval "_aio_trap ${theirs#trap}"
    fi
}

# Takes what bash prints of a trap.
_aio_trap() {
    trap -- "${2-}
_aio_at_exit" EXIT
}

# The exit code stays the shell's own.
_aio_at_exit() {
    aio_cleanup >/dev/null 2>&1 || :
}

# Finds the program on PATH, or where `aio init` puts it. Without it there is nobody to ask, so everything goes on.
_aio_find() {
    _aio_program=$(command -v aio 2>/dev/null) || :
    [ -x "$_aio_program" ] || _aio_program=${AIO_DIR:-${HOME-}/.ai-orchestrator}/bin/aio
    [ ! -x "$_aio_program" ] || return 0
    [ -n "$_aio_told" ] || printf 'aio: not found, so nothing is claimed; install it, or put it on PATH\n' >&2
    _aio_told=yes
    return 1
}
