"""Live video: who is seen (`tracks`), how they move (`motion`), and both together (`session`)."""
