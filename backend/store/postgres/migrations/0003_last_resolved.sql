-- works_with = 2
-- SPDX-License-Identifier: MPL-2.0

-- When a value of a secret was last returned, and to whom. Nothing depends on it but reports. The row without a project
-- says since when this is noted. Programs of the version before do not note anything.
CREATE TABLE pouncet.last_resolved (
  project   text COLLATE "C" NOT NULL,
  object    text COLLATE "C" NOT NULL,
  at        bigint NOT NULL,
  principal text COLLATE "C" NOT NULL,
  CONSTRAINT last_resolved_key PRIMARY KEY (project, object)
);

INSERT INTO pouncet.last_resolved VALUES ('', '', (extract(epoch FROM now()) * 1000000)::bigint, '');
