"""Which code makes a batch what it is now: the versions by which outdated batches are known."""

from typing import Final

from dagster import AssetsDefinition

from assets.batch_statistics import batch_statistics
from assets.diagnosis import diagnosis
from assets.parsed_csv import parsed_csv

_ASSETS: Final[tuple[AssetsDefinition, ...]] = (parsed_csv, batch_statistics, diagnosis)


def code_versions() -> dict[str, str]:
    """Code version by the name of the asset, in the order of the flow."""
    return {
        key.to_user_string(): version
        for asset in _ASSETS
        for key, version in asset.code_versions_by_key.items()
        if version is not None
    }
