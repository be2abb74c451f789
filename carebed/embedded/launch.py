"""The last step before a child of ours runs: become the service account, tie its life to the parent's, exec.

A script of its own, run by path with the bare interpreter (`python -I -S launch.py SPEC PROGRAM ARGUMENT...`), so that
it needs nothing but the standard library and costs 20 ms. It execs, so the program keeps this process's PID.
SPEC is JSON: `parent` (PID), `signal` (what the kernel sends to the program when the parent dies), and optionally
`directory` (working directory), `uid` and `gid` (whom to become), `source`, `mount` and `private` (show SOURCE at
MOUNT, seen by this program alone; PRIVATE is the mount that MOUNT lies in).
"""

import ctypes
import json
import os
import resource
import sys

#: Exit code when the program could not be reached at all; the reason is one line on standard error.
LAUNCH_FAILED = 97

# Linux ABI constants that the standard library does not name.
_CLONE_NEWNS = 0x0002_0000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x4_0000
_PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(f"{what} ({os.strerror(ctypes.get_errno())})")


def _show_at(source: str, mount: str, private: str) -> None:
    """Show `source` at `mount` in a mount namespace of our own: no mode and no mount changes for anybody else."""
    _check(
        _libc.unshare(_CLONE_NEWNS),
        f"the account cannot enter the directories above {source}, and a private mount namespace is not permitted "
        "here: choose another --data-dir",
    )
    _check(_libc.mount(b"none", os.fsencode(private), None, _MS_REC | _MS_PRIVATE, None), f"{private} stays shared")
    _check(_libc.mount(os.fsencode(source), os.fsencode(mount), None, _MS_BIND | _MS_REC, None), f"cannot use {mount}")


def _become(uid: int, gid: int) -> None:
    os.setgroups([gid])
    os.setgid(gid)
    os.setuid(uid)


def _die_with(parent: int, signal: int) -> None:
    """Have the kernel signal us when the parent dies. Only after setuid, which clears the request."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0), "cannot tie the process to its parent")
    if os.getppid() != parent:  # It died before we asked, so no signal will come.
        sys.exit(0)


def main() -> None:
    """Do what SPEC says and exec the program; exit with `LAUNCH_FAILED` where that is impossible."""
    spec, program = json.loads(sys.argv[1]), sys.argv[2:]
    try:
        if spec.get("mount"):
            _show_at(spec["source"], spec["mount"], spec["private"])
        if spec.get("directory"):
            os.chdir(spec["directory"])
        # A broker needs a descriptor per gateway, the API one per listener; the soft limit is often 1,024.
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if spec.get("uid") is not None:
            _become(spec["uid"], spec["gid"])
        _die_with(spec["parent"], spec["signal"])
        os.execv(program[0], program)  # noqa: S606 - the whole purpose; the command is our own
    except OSError as error:
        sys.stderr.write(f"cannot start {program[0]}: {error}\n")
        sys.exit(LAUNCH_FAILED)


if __name__ == "__main__":
    main()
