-- works_with = 1
-- SPDX-License-Identifier: MPL-2.0

-- The tables of schema 6 of SQLite. The project leads every key of a row that belongs to one, so that the tables can be
-- partitioned by project. Texts are compared byte by byte. Times are microseconds since 1970 in UTC. A column that does
-- not apply to a kind of object holds '' and never NULL, because a unique constraint treats NULLs as different.

-- works_with is the oldest schema version whose programs can use the database: a migration that they would not notice
-- leaves it as it is, so that the servers of a deployment can be upgraded one after the other.
CREATE TABLE deployment (
  one            smallint NOT NULL PRIMARY KEY CHECK (one = 1),
  id             text COLLATE "C" NOT NULL,
  schema_version integer NOT NULL,
  works_with     integer NOT NULL
);

-- Leads from the id of an object to its project, because callers name objects by their id.
CREATE TABLE object_id (
  id      text COLLATE "C" NOT NULL PRIMARY KEY,
  project text COLLATE "C" NOT NULL
);

-- The place starts with project and kind, which every query knows, and then has the name. So a listing sorted by name
-- needs no sort. It is unique at the end of a transaction.
CREATE TABLE object (
  project        text COLLATE "C" NOT NULL,
  id             text COLLATE "C" NOT NULL,
  kind           text COLLATE "C" NOT NULL,
  environment    text COLLATE "C" NOT NULL,
  scope          text COLLATE "C" NOT NULL,
  name           text COLLATE "C" NOT NULL,
  type           text COLLATE "C" NOT NULL,
  link           text COLLATE "C" NOT NULL,
  version        bigint NOT NULL,
  revision       bigint NOT NULL,
  attributes     bytea NOT NULL,
  mac            bytea NOT NULL,
  created_at     bigint NOT NULL,
  updated_at     bigint NOT NULL,
  deployment_mac bytea NOT NULL,
  CONSTRAINT object_key PRIMARY KEY (project, id),
  CONSTRAINT object_place UNIQUE (project, kind, name, environment, scope) DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX object_by_type ON object (project, type) WHERE type <> '';
CREATE INDEX object_by_link ON object (project, link) WHERE link <> '';

-- A version goes together with its object. No foreign key does that: each row that goes is subtracted from the state.
CREATE TABLE version (
  project         text COLLATE "C" NOT NULL,
  object          text COLLATE "C" NOT NULL,
  version         bigint NOT NULL,
  environment_key text COLLATE "C" NOT NULL,
  type            text COLLATE "C" NOT NULL,
  schema_hash     text COLLATE "C" NOT NULL,
  form            text COLLATE "C" NOT NULL,
  sealed          bytea NOT NULL,
  created_at      bigint NOT NULL,
  created_by      text COLLATE "C" NOT NULL,
  attributes      bytea NOT NULL,
  deployment_mac  bytea NOT NULL,
  CONSTRAINT version_key PRIMARY KEY (project, object, version),
  CONSTRAINT version_object FOREIGN KEY (project, object) REFERENCES object (project, id)
);

CREATE TABLE environment_key (
  project        text COLLATE "C" NOT NULL,
  environment    text COLLATE "C" NOT NULL,
  id             text COLLATE "C" NOT NULL,
  kms_key        text COLLATE "C" NOT NULL,
  wrapped        bytea NOT NULL,
  created_at     bigint NOT NULL,
  deployment_mac bytea NOT NULL,
  CONSTRAINT environment_key_key PRIMARY KEY (project, environment, id)
);

-- Tokens belong to the deployment.
CREATE TABLE token (
  id             text COLLATE "C" NOT NULL PRIMARY KEY,
  name           text COLLATE "C" NOT NULL,
  description    text COLLATE "C" NOT NULL,
  role           text COLLATE "C" NOT NULL,
  principal      text COLLATE "C" NOT NULL,
  hash           bytea NOT NULL,
  attributes     bytea NOT NULL,
  revision       bigint NOT NULL,
  created_at     bigint NOT NULL,
  expires_at     bigint NOT NULL,
  deployment_mac bytea NOT NULL,
  CONSTRAINT token_hash UNIQUE (hash)
);

CREATE TABLE idempotency_record (
  key            text COLLATE "C" NOT NULL PRIMARY KEY,
  request        bytea NOT NULL,
  outcome        bytea NOT NULL,
  at             bigint NOT NULL,
  deployment_mac bytea NOT NULL
);

CREATE INDEX idempotency_record_by_age ON idempotency_record (at);

CREATE TABLE comparison (
  day       text COLLATE "C" NOT NULL,
  principal text COLLATE "C" NOT NULL,
  object    text COLLATE "C" NOT NULL,
  count     bigint NOT NULL,
  CONSTRAINT comparison_key PRIMARY KEY (day, principal, object)
);

CREATE TABLE sealed_state (
  name   text COLLATE "C" NOT NULL PRIMARY KEY,
  sealed bytea NOT NULL
);

-- The records of changes, numbered in one log for each project and one for the deployment.
CREATE TABLE change_log (
  log  text COLLATE "C" NOT NULL PRIMARY KEY,
  next bigint NOT NULL
);

CREATE TABLE change_record (
  log       text COLLATE "C" NOT NULL,
  number    bigint NOT NULL,
  at        bigint NOT NULL,
  principal text COLLATE "C" NOT NULL,
  role      text COLLATE "C" NOT NULL,
  verb      text COLLATE "C" NOT NULL,
  phase     text COLLATE "C" NOT NULL,
  code      text COLLATE "C" NOT NULL,
  detail    bytea NOT NULL,
  CONSTRAINT change_record_key PRIMARY KEY (log, number)
);

-- The records of reads, dry runs and refusals.
CREATE TABLE read_log (
  log  text COLLATE "C" NOT NULL PRIMARY KEY,
  next bigint NOT NULL
);

CREATE TABLE read_record (
  log       text COLLATE "C" NOT NULL,
  number    bigint NOT NULL,
  at        bigint NOT NULL,
  principal text COLLATE "C" NOT NULL,
  role      text COLLATE "C" NOT NULL,
  verb      text COLLATE "C" NOT NULL,
  phase     text COLLATE "C" NOT NULL,
  code      text COLLATE "C" NOT NULL,
  detail    bytea NOT NULL,
  CONSTRAINT read_record_key PRIMARY KEY (log, number)
);
