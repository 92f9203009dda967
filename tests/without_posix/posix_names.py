"""What POSIX systems have and Windows lacks: modules, and names in ``os`` and ``signal``."""

MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog")
OS = (
    "geteuid", "getegid", "getgid", "getpgid", "getpgrp", "killpg", "fork", "forkpty", "setsid", "nice", "mkfifo",
    "chown", "O_NOFOLLOW", "O_DIRECTORY",
)  # fmt: skip
SIGNALS = ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGQUIT", "SIGPIPE")
