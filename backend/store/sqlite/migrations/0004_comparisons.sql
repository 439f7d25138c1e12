-- SPDX-License-Identifier: MPL-2.0
-- How often on a day a principal compared a secret with another value, without the right to have its value.
CREATE TABLE comparison (
  day       TEXT    NOT NULL,
  principal TEXT    NOT NULL,
  object    TEXT    NOT NULL,
  count     INTEGER NOT NULL,
  PRIMARY KEY (day, principal, object)
) STRICT;
