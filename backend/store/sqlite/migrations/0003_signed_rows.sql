-- SPDX-License-Identifier: MPL-2.0
-- Every row that decides something gets a MAC under the deployment key, and each project a state that sums up its rows.
-- The tables get new names, so that a process of an earlier version that still has the file open fails, instead of
-- writing rows without a MAC. The program that runs this step signs the rows in the same transaction.

CREATE TABLE object (
  project        TEXT    NOT NULL,
  id             TEXT    NOT NULL PRIMARY KEY,
  kind           TEXT    NOT NULL,
  environment    TEXT    NOT NULL,
  scope          TEXT    NOT NULL,
  name           TEXT    NOT NULL,
  type           TEXT    NOT NULL,
  link           TEXT    NOT NULL,
  version        INTEGER NOT NULL,
  revision       INTEGER NOT NULL,
  attributes     BLOB    NOT NULL,
  mac            BLOB    NOT NULL,
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL,
  deployment_mac BLOB    NOT NULL,
  UNIQUE (project, kind, name, environment, scope)
) STRICT;

INSERT INTO object
  SELECT project, id, kind, environment, scope, name, type, link, version, revision, attributes, mac, created_at,
    updated_at, x'' FROM objects ORDER BY rowid;

CREATE INDEX object_by_type ON object (project, type) WHERE type <> '';
CREATE INDEX object_by_link ON object (project, link) WHERE link <> '';

-- A version goes together with its object. No foreign key does that: each row that goes is subtracted from the state.
CREATE TABLE version (
  project         TEXT    NOT NULL,
  object          TEXT    NOT NULL REFERENCES object (id),
  version         INTEGER NOT NULL,
  environment_key TEXT    NOT NULL,
  type            TEXT    NOT NULL,
  schema_hash     TEXT    NOT NULL,
  form            TEXT    NOT NULL,
  sealed          BLOB    NOT NULL,
  created_at      INTEGER NOT NULL,
  created_by      TEXT    NOT NULL,
  attributes      BLOB    NOT NULL,
  deployment_mac  BLOB    NOT NULL,
  PRIMARY KEY (object, version)
) STRICT;

INSERT INTO version
  SELECT o.project, v.object, v.version, v.scope_key, v.type, v.schema_hash, iif(v.json, 'json', 'text'), v.sealed,
    v.created_at, v.created_by, v.attributes, x'' FROM versions v JOIN objects o ON o.id = v.object ORDER BY v.rowid;

CREATE TABLE environment_key (
  project        TEXT    NOT NULL,
  environment    TEXT    NOT NULL,
  id             TEXT    NOT NULL UNIQUE,
  kms_key        TEXT    NOT NULL,
  wrapped        BLOB    NOT NULL,
  created_at     INTEGER NOT NULL,
  deployment_mac BLOB    NOT NULL,
  PRIMARY KEY (project, environment, id)
) STRICT;

INSERT INTO environment_key SELECT project, environment, id, kms_key, wrapped, created_at, x'' FROM scope_keys
  WHERE project <> 'deployment';

-- The principal of a token is a person or a workload. A token of an earlier version says neither.
CREATE TABLE token (
  id             TEXT    NOT NULL PRIMARY KEY,
  name           TEXT    NOT NULL,
  description    TEXT    NOT NULL,
  role           TEXT    NOT NULL,
  principal      TEXT    NOT NULL,
  hash           BLOB    NOT NULL UNIQUE,
  attributes     BLOB    NOT NULL,
  revision       INTEGER NOT NULL,
  created_at     INTEGER NOT NULL,
  expires_at     INTEGER NOT NULL,
  deployment_mac BLOB    NOT NULL
) STRICT;

INSERT INTO token
  SELECT id, name, description, role, iif(role = 'runtime', 'workload', 'person'), hash,
    CAST('{"migrated":true}' AS BLOB), 1, created_at, expires_at, x'' FROM tokens;

CREATE TABLE idempotency_record (
  key            TEXT    NOT NULL PRIMARY KEY,
  request        BLOB    NOT NULL,
  outcome        BLOB    NOT NULL,
  at             INTEGER NOT NULL,
  deployment_mac BLOB    NOT NULL
) STRICT;

CREATE INDEX idempotency_record_by_age ON idempotency_record (at);

CREATE TABLE state (
  name   TEXT NOT NULL PRIMARY KEY,
  sealed BLOB NOT NULL
) STRICT;

ALTER TABLE records RENAME TO record;

DROP TABLE versions;
DROP TABLE objects;
DROP TABLE scope_keys;
DROP TABLE tokens;
DROP TABLE remembered;
