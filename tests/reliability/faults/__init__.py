"""Faults: kills, full disks, clocks that jump, and what they leave. ``python -m tests.reliability.faults`` is the long
form; the short ones are ``tests/reliability/test_faults_*.py``."""
