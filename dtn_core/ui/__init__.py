"""Floor 5: the app. One tab a file, each a function that fills its tab; `app` puts them together."""
