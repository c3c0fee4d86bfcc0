"""The diagnosis: numbered evidence, retrieved articles, a verdict whose every claim is checked."""
