-- SPDX-License-Identifier: MPL-2.0
-- The audit log proves itself: each record has a hash, and each log a signed head of the tree over these hashes. The tree
-- begins with the first record after this step: nobody can prove what was written before. The column next gets another
-- name, so that a program of an earlier version that still has the file open cannot add records without a hash.

ALTER TABLE change_log RENAME COLUMN next TO next_number;
ALTER TABLE change_log ADD COLUMN first INTEGER NOT NULL DEFAULT 1;
ALTER TABLE change_log ADD COLUMN head BLOB NOT NULL DEFAULT x'';
UPDATE change_log SET first = next_number;
ALTER TABLE change_record ADD COLUMN hash BLOB NOT NULL DEFAULT x'';

-- The hashes of the records that a retention has deleted, 256 in a row.
CREATE TABLE change_tile (
  log    TEXT    NOT NULL,
  tile   INTEGER NOT NULL,
  hashes BLOB    NOT NULL,
  PRIMARY KEY (log, tile)
) STRICT;
