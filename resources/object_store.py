"""The bucket, by dagster-aws's own S3 resource, so that every S3 option of Dagster applies."""

from dagster import ConfigurableResource, ResourceDependency
from dagster_aws.s3 import S3Resource
from pydantic import Field, PrivateAttr

from argus_pipeline.settings import Settings, listed
from argus_pipeline.storage.object_store import ObjectStore


class ObjectStoreResource(ConfigurableResource):
    """A bucket and a prefix in it."""

    s3: ResourceDependency[S3Resource]
    bucket: str = Field(description="Bucket that holds uploads and everything made of them.")
    prefix: str = Field(default="", description="Prefix inside the bucket, without slashes around.")
    archives: str = Field(
        default="", description="Buckets whose objects may be read in place, commas between."
    )

    _store: ObjectStore | None = PrivateAttr(default=None)

    def store(self) -> ObjectStore:
        """The bucket as the domain knows it, made once for each process."""
        if self._store is None:
            self._store = ObjectStore(
                Settings(
                    s3_bucket=self.bucket,
                    s3_prefix=self.prefix.strip("/"),
                    s3_endpoint=self.s3.endpoint_url,
                    s3_region=self.s3.region_name or "us-east-1",
                    s3_access_key=self.s3.aws_access_key_id,
                    s3_secret_key=self.s3.aws_secret_access_key,
                    database_url=None,
                    archive_buckets=listed(self.archives),
                ),
                client=self.s3.get_client(),
            )
        return self._store
