from codaar_core.testing.released_numbers import released_numbers  # noqa: F401
