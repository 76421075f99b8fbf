CREATE TABLE companies (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    company_id TEXT NOT NULL REFERENCES companies (id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (company_id, name)
);

-- `hash` is SHA-256 of the key; `sealed_*` are encrypted with the master key.
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    company_id TEXT NOT NULL REFERENCES companies (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    hash TEXT NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    s3_access_key TEXT,
    sealed_s3_secret TEXT,
    s3_region TEXT,
    s3_endpoint TEXT,
    webhook_url TEXT,
    sealed_webhook_secret TEXT,
    requests_per_minute BIGINT,
    concurrent_jobs BIGINT,
    stored_bytes BIGINT
);

-- `version` grows with every change: event streams follow it. A deleted artifact stays as a
-- tombstone until its object is surely gone.
CREATE TABLE artifacts (
    id TEXT PRIMARY KEY,
    company_id TEXT NOT NULL REFERENCES companies (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    key_id TEXT NOT NULL REFERENCES api_keys (id),
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    upload_method TEXT NOT NULL,
    source TEXT NOT NULL,
    s3_path TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size BIGINT,
    duration_micros BIGINT,
    error_message TEXT,
    checksum TEXT,
    report TEXT,
    progress_ppm BIGINT NOT NULL DEFAULT 0,
    version BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    purged_at BIGINT
);

CREATE INDEX artifacts_newest ON artifacts (company_id, created_at, id);

CREATE INDEX artifacts_changed ON artifacts (updated_at);

CREATE INDEX artifacts_unpurged ON artifacts (deleted_at) WHERE deleted_at IS NOT NULL AND purged_at IS NULL;

-- What is to be done, written in the transaction that creates the artifact and removed in the one
-- that ends it. Whoever holds `lease_token` until `lease_until` works on it.
CREATE TABLE jobs (
    artifact_id TEXT PRIMARY KEY REFERENCES artifacts (id),
    company_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    queued_at BIGINT NOT NULL,
    run_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    lease_token TEXT,
    lease_until BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX jobs_due ON jobs (lease_until, run_at);

-- Paths that were given out to be uploaded to.
CREATE TABLE uploads (
    s3_path TEXT PRIMARY KEY,
    company_id TEXT NOT NULL REFERENCES companies (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX uploads_expired ON uploads (expires_at);

CREATE TABLE idempotency (
    key_id TEXT NOT NULL REFERENCES api_keys (id),
    idempotency_key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    artifact_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, idempotency_key)
);

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    key_id TEXT NOT NULL REFERENCES api_keys (id),
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    run_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX deliveries_due ON deliveries (run_at);

-- One row: what must be the same in every process.
CREATE TABLE installation (
    id BIGINT PRIMARY KEY,
    master_check TEXT NOT NULL
);

CREATE TABLE sessions (
    hash TEXT PRIMARY KEY,
    key_id TEXT NOT NULL REFERENCES api_keys (id),
    csrf TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
