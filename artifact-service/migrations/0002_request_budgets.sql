-- How many requests a key has made, as the moment until which what is allowed is spent, in nanoseconds
-- since the epoch.
CREATE TABLE request_budgets (
    key_id TEXT PRIMARY KEY REFERENCES api_keys (id),
    spent_until BIGINT NOT NULL
);
