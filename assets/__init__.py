"""The flow of a batch, one file an asset:

    raw_batch -> parsed_csv -> batch_statistics -> charts ----+
                                             \\-> diagnosis --+-> report
    knowledge_base ----------------------------^

and of all batches:

    batch_statistics -> fleet_statistics -> firmware_comparison -> campaign_health
        -> campaign_pages

`raw_batch` verifies what was uploaded, `parsed_csv` fans out over the recordings, `report` is what
people read. All of the first, but `knowledge_base`, are partitioned by batch; those of all batches
take in what changed. Every asset writes to the bucket or the database by itself and returns
nothing: keys are a function of the batch, so a repeat overwrites with the same bytes.
"""
