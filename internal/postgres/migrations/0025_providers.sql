-- Users whom a provider of identities knows have no password, and are found by
-- issuer and subject; both are '' for local ones.
ALTER TABLE server_user ADD COLUMN issuer TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE server_user ADD COLUMN subject TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE UNIQUE INDEX server_user_subject ON server_user (issuer, subject) WHERE issuer <> '';

-- 1: by an admin; 2: since the groups at the provider give no role.
ALTER TABLE server_user ADD COLUMN disabled BIGINT NOT NULL DEFAULT 0;
