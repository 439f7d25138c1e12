-- SPDX-License-Identifier: MPL-2.0
-- The state "generation" gets new bytes with each change of a token, project, environment, secret type or environment
-- key.
-- It validates what processes keep in memory. The table gets a new name, so that a process of an earlier version that
-- still has the file open fails, instead of making such a change without new bytes.
ALTER TABLE state RENAME TO sealed_state;
