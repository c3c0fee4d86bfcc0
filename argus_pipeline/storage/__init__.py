"""The bucket: which key holds what, and the few operations that everything else is made of."""
