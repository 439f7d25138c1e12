-- SPDX-License-Identifier: MPL-2.0
-- Times are microseconds since 1970 in UTC. Texts are compared byte by byte, so that the order of a listing does not
-- depend on the locale. A column that does not apply to a kind of object holds '' and never NULL, because a UNIQUE
-- constraint treats NULLs as different.

CREATE TABLE deployment (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  id   TEXT NOT NULL
) STRICT;

-- The index of the place starts with kind and project, which every query knows, and then has the name. So one seek per
-- name returns all its environments and scopes, and a listing sorted by name needs no sort.
CREATE TABLE objects (
  id          TEXT    NOT NULL PRIMARY KEY,
  kind        TEXT    NOT NULL,
  project     TEXT    NOT NULL,
  environment TEXT    NOT NULL,
  scope       TEXT    NOT NULL,
  name        TEXT    NOT NULL,
  type        TEXT    NOT NULL,
  link        TEXT    NOT NULL,
  version     INTEGER NOT NULL,
  revision    INTEGER NOT NULL,
  attributes  BLOB    NOT NULL,
  mac         BLOB    NOT NULL,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  UNIQUE (kind, project, name, environment, scope)
) STRICT;

-- Every deletion looks for the secrets of a type and for the scoped values that link to a secret. Most objects have
-- neither a type nor a link.
CREATE INDEX objects_by_type ON objects (type) WHERE type <> '';
CREATE INDEX objects_by_link ON objects (project, link) WHERE link <> '';

CREATE TABLE versions (
  object      TEXT    NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
  version     INTEGER NOT NULL,
  scope_key   TEXT    NOT NULL,
  type        TEXT    NOT NULL,
  schema_hash TEXT    NOT NULL,
  json        INTEGER NOT NULL CHECK (json IN (0, 1)),
  sealed      BLOB    NOT NULL,
  created_at  INTEGER NOT NULL,
  created_by  TEXT    NOT NULL,
  PRIMARY KEY (object, version)
) STRICT;

CREATE TABLE scope_keys (
  id          TEXT    NOT NULL PRIMARY KEY,
  project     TEXT    NOT NULL,
  environment TEXT    NOT NULL,
  kms_key     TEXT    NOT NULL,
  wrapped     BLOB    NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX scope_keys_by_place ON scope_keys (project, environment);

CREATE TABLE tokens (
  id          TEXT    NOT NULL PRIMARY KEY,
  name        TEXT    NOT NULL,
  description TEXT    NOT NULL,
  role        TEXT    NOT NULL,
  hash        BLOB    NOT NULL UNIQUE,
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE records (
  seq       INTEGER PRIMARY KEY,
  at        INTEGER NOT NULL,
  principal TEXT    NOT NULL,
  role      TEXT    NOT NULL,
  verb      TEXT    NOT NULL,
  phase     TEXT    NOT NULL,
  code      TEXT    NOT NULL,
  detail    BLOB    NOT NULL
) STRICT;

CREATE TABLE remembered (
  key     TEXT    NOT NULL PRIMARY KEY,
  request BLOB    NOT NULL,
  outcome BLOB    NOT NULL,
  at      INTEGER NOT NULL
) STRICT;

CREATE INDEX remembered_by_age ON remembered (at);
