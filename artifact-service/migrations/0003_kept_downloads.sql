-- What attempts have stored of a download, as JSON, for the next one to go on with.
ALTER TABLE jobs ADD COLUMN kept TEXT;
