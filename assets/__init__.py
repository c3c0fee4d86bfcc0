"""The flow of a batch, one file an asset:

    raw_batch -> parsed_csv -> batch_statistics -> charts ----+
                                             \\-> diagnosis --+-> report
    knowledge_base ----------------------------^

`raw_batch` verifies what was uploaded, `parsed_csv` fans out over the recordings, `report` is what
people read. All but `knowledge_base` are partitioned by batch. Every asset writes to the bucket or
the database by itself and returns nothing: keys are a function of the batch, so a repeat
overwrites with the same bytes.
"""
