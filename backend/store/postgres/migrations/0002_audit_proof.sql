-- works_with = 2
-- SPDX-License-Identifier: MPL-2.0

-- The audit log proves itself: each record has a hash, and each log a signed head of the tree over these hashes. The tree
-- begins with the first record after this migration. Programs of version 1 add records without a hash. A record without
-- one is what somebody without the key would add, so these programs cannot use the database any more.

ALTER TABLE change_log RENAME COLUMN next TO next_number;
ALTER TABLE change_log ADD COLUMN first bigint NOT NULL DEFAULT 1;
ALTER TABLE change_log ADD COLUMN head bytea NOT NULL DEFAULT '';
UPDATE change_log SET first = next_number;
ALTER TABLE change_record ADD COLUMN hash bytea NOT NULL DEFAULT '';

ALTER TABLE read_log RENAME COLUMN next TO next_number;
ALTER TABLE read_log ADD COLUMN first bigint NOT NULL DEFAULT 1;
ALTER TABLE read_log ADD COLUMN head bytea NOT NULL DEFAULT '';
UPDATE read_log SET first = next_number;
ALTER TABLE read_record ADD COLUMN hash bytea NOT NULL DEFAULT '';

-- The hashes of the records that a retention has deleted, 256 in a row.
CREATE TABLE change_tile (
  log    text COLLATE "C" NOT NULL,
  tile   bigint NOT NULL,
  hashes bytea NOT NULL,
  CONSTRAINT change_tile_key PRIMARY KEY (log, tile)
);

CREATE TABLE read_tile (
  log    text COLLATE "C" NOT NULL,
  tile   bigint NOT NULL,
  hashes bytea NOT NULL,
  CONSTRAINT read_tile_key PRIMARY KEY (log, tile)
);
