-- SPDX-License-Identifier: MPL-2.0
-- The records of reads, dry runs and refusals. They have a separate file, so that a read does not wait for a
-- change. Texts and times are as in the database.

CREATE TABLE deployment (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  id   TEXT NOT NULL
) STRICT;

CREATE TABLE read_log (
  log  TEXT    NOT NULL PRIMARY KEY,
  next INTEGER NOT NULL
) STRICT;

CREATE TABLE read_record (
  seq       INTEGER PRIMARY KEY,
  log       TEXT    NOT NULL,
  number    INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  principal TEXT    NOT NULL,
  role      TEXT    NOT NULL,
  verb      TEXT    NOT NULL,
  phase     TEXT    NOT NULL,
  code      TEXT    NOT NULL,
  detail    BLOB    NOT NULL,
  UNIQUE (log, number)
) STRICT;

-- A row that is inserted and deleted in one transaction leaves free pages: the space for records on a full disk.
CREATE TABLE reserve (
  bytes BLOB NOT NULL
) STRICT;
