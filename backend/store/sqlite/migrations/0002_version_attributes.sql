-- SPDX-License-Identifier: MPL-2.0
-- What the engine keeps of a version beyond its columns, as objects have it too:
-- an attribute of versions is then no migration. '' for none.
ALTER TABLE versions ADD COLUMN attributes BLOB NOT NULL DEFAULT x'';
