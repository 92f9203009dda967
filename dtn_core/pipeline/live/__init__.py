"""Live video: follow faces (`tracks`), measure their motion (`motion`), run the networks (`inference`), identify people
(`identification`), keep one avatar a person (`person`) with the user's edits (`edits`).

May import: as `pipeline`. Start reading: `session.Session`, `protocol.Protocol`.
"""
