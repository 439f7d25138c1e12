-- SPDX-License-Identifier: MPL-2.0
-- When a value of a secret was last returned, and to whom. Nothing depends on it but reports. The row without a project
-- says since when this is noted.

CREATE TABLE last_resolved (
  project   TEXT    NOT NULL,
  object    TEXT    NOT NULL,
  at        INTEGER NOT NULL,
  principal TEXT    NOT NULL,
  PRIMARY KEY (project, object)
) STRICT;

INSERT INTO last_resolved VALUES ('', '', CAST(unixepoch('subsec') * 1000000 AS INTEGER), '');
