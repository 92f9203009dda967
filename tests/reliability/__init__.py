"""Hard to break, tried: hostile input at every door (`doors`, `fuzz`; one `test_` file a door)."""
