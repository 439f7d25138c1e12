-- SPDX-License-Identifier: MPL-2.0
-- The records of changes, numbered in one log for each project and one for the deployment. The table record keeps the
-- records of earlier versions.

CREATE TABLE change_log (
  log  TEXT    NOT NULL PRIMARY KEY,
  next INTEGER NOT NULL
) STRICT;

CREATE TABLE change_record (
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
