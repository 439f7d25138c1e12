-- SPDX-License-Identifier: MPL-2.0
-- The hashes and heads of the records of reads, as in the database.

ALTER TABLE read_log RENAME COLUMN next TO next_number;
ALTER TABLE read_log ADD COLUMN first INTEGER NOT NULL DEFAULT 1;
ALTER TABLE read_log ADD COLUMN head BLOB NOT NULL DEFAULT x'';
UPDATE read_log SET first = next_number;
ALTER TABLE read_record ADD COLUMN hash BLOB NOT NULL DEFAULT x'';

CREATE TABLE read_tile (
  log    TEXT    NOT NULL,
  tile   INTEGER NOT NULL,
  hashes BLOB    NOT NULL,
  PRIMARY KEY (log, tile)
) STRICT;
