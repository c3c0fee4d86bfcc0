"""The reader's window: pages and an API for those who read and need no keys. It only reads."""
