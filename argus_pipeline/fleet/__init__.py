"""All batches together: did an update make anything worse, and how is a campaign doing?

    batch statistics -> cells -> sums -> comparison -> campaign health

A batch's `cells` (hours and counts by firmware and fault) are kept by vehicle; from them come
`sums` over vehicles, exact whole numbers that one more batch is added to without looking at any
other. `rollup` keeps both in the bucket, `comparison` judges each fault of each update by
`rate_ratio`, `power` and `classes`, and `campaign` says whether to go on. `rules.yaml` holds every
threshold. docs/fleet.md describes the layout, the rules and what they were shown to do.
"""
