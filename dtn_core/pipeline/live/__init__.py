"""Live video: follow faces (`tracks`), measure their motion (`motion`), identify people (`session`).

May import: as `pipeline`. Start reading: `session.Session`, `protocol.Protocol`.
"""
