"""Hard to break, tried: hostile input at every target (`targets`, `fuzz`; one `test_` file a target)."""
