-- Rights in the schema argus, for two roles that people and programs become members of.
-- To be run by the owner of the tables, after the migrations; again is fine.

DO $$ BEGIN
    CREATE ROLE argus_pipeline NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
    CREATE ROLE argus_reader NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

GRANT USAGE ON SCHEMA argus TO argus_pipeline, argus_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA argus TO argus_pipeline, argus_reader;
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA argus TO argus_pipeline;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA argus TO argus_pipeline;

-- Which revision the tables are at is for their owner to say.
REVOKE INSERT, UPDATE, DELETE ON argus.alembic_version FROM argus_pipeline;

-- What a later migration brings.
ALTER DEFAULT PRIVILEGES IN SCHEMA argus GRANT SELECT ON TABLES TO argus_pipeline, argus_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA argus GRANT INSERT, UPDATE, DELETE ON TABLES TO argus_pipeline;
ALTER DEFAULT PRIVILEGES IN SCHEMA argus GRANT USAGE ON SEQUENCES TO argus_pipeline;
