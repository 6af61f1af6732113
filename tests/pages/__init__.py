"""What people look at, as a browser, a validator and a screen reader see it."""
