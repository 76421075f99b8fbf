-- What attempts have stored of a download, as JSON, for the next one to go on with.
ALTER TABLE jobs ADD COLUMN kept TEXT;

-- The same of an artifact that was deleted meanwhile, for its purge.
ALTER TABLE artifacts ADD COLUMN kept TEXT;
