-- Rights in the schema argus, for the roles that people and programs become members of.
-- To be run by the owner of the tables, after the migrations; again is fine.

DO $$ BEGIN
    CREATE ROLE argus_pipeline NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
    CREATE ROLE argus_reader NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
    CREATE ROLE argus_window NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

GRANT USAGE ON SCHEMA argus TO argus_pipeline, argus_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA argus TO argus_pipeline, argus_reader;
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA argus TO argus_pipeline;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA argus TO argus_pipeline;

-- For `argus serve`: reads, adds what people say of diagnoses, keeps the ledger of questions.
GRANT argus_reader TO argus_window;
GRANT INSERT ON argus.diagnosis_feedback TO argus_window;
GRANT UPDATE (confirmed) ON argus.diagnoses TO argus_window;
GRANT INSERT, UPDATE, DELETE ON argus.llm_calls, argus.llm_pauses, argus.llm_answers TO argus_window;
REVOKE INSERT, UPDATE, DELETE ON argus.reader_tokens FROM argus_pipeline;

-- Which revision the tables are at is for their owner to say.
REVOKE INSERT, UPDATE, DELETE ON argus.alembic_version FROM argus_pipeline;

-- What a later migration brings.
ALTER DEFAULT PRIVILEGES IN SCHEMA argus GRANT SELECT ON TABLES TO argus_pipeline, argus_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA argus GRANT INSERT, UPDATE, DELETE ON TABLES TO argus_pipeline;
ALTER DEFAULT PRIVILEGES IN SCHEMA argus GRANT USAGE ON SEQUENCES TO argus_pipeline;

-- Dagster's tables, where they are in this database: what its runs say of batches. They may come
-- later than this runs, so `argus up` runs it again once Dagster has made them.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['runs', 'run_tags', 'event_logs', 'dynamic_partitions',
        'alembic_version', 'secondary_indexes', 'asset_keys', 'instance_info', 'kvs']
    LOOP
        IF to_regclass('public.' || name) IS NOT NULL THEN
            EXECUTE 'GRANT SELECT ON public.' || quote_ident(name) || ' TO argus_reader';
        END IF;
    END LOOP;
END $$;
