-- The process that an operation runs in, and how far it is. What else several
-- processes have to share is in PostgreSQL only.
ALTER TABLE operation ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE operation ADD COLUMN percent INTEGER NOT NULL DEFAULT 0;
