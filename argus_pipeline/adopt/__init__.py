"""Makes batches of recordings that already lie in a bucket, in place: by what their keys say."""
