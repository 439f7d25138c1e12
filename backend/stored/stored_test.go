// SPDX-License-Identifier: MPL-2.0

package stored_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// A change of a string on the right makes every existing database unreadable.
// Add a new label instead.
func TestLabelsNeverChange(t *testing.T) {
	for _, l := range []struct{ name, got, want string }{
		{"SealedValue", stored.SealedValue, "pouncet sealed value v1"},
		{"ValueKey", stored.ValueKey, "pouncet sealed value v1 key and commitment"},
		{"SealedValue2", stored.SealedValue2, "pouncet sealed value v2"},
		{"ValueKey2", stored.ValueKey2, "pouncet sealed value v2 key and commitment"},
		{"RowKey", stored.RowKey, "pouncet row mac v1"},
		{"DeploymentRowKey", stored.DeploymentRowKey, "pouncet deployment row mac v2"},
		{"StateSummand", stored.StateSummand, "pouncet state summand v2"},
		{"ValueTag", stored.ValueTag, "pouncet value tag v1"},
		{"RevisionToken", stored.RevisionToken, "pouncet revision token v1"},
		{"LogHeadKey", stored.LogHeadKey, "pouncet log head mac v1"},
		{"CheckpointKey", stored.CheckpointKey, "pouncet audit checkpoint v1"},
		{"LogHead", stored.LogHead, "log head v1"},
		{"SessionCookie", stored.SessionCookie, "pouncet session cookie v1"},
		{"SessionToken", stored.SessionToken, "pouncet session token v1"},
		{"ObjectRow", stored.ObjectRow, "object v2"},
		{"VersionRow", stored.VersionRow, "version v2"},
		{"EnvironmentKeyRow", stored.EnvironmentKeyRow, "environment key v2"},
		{"TokenRow", stored.TokenRow, "token v2"},
		{"IdempotencyRow", stored.IdempotencyRow, "idempotency record v2"},
		{"StateRow", stored.StateRow, "state v2"},
		{"DeploymentKey", stored.DeploymentKey, "deployment"},
		{"ContextDeployment", stored.ContextDeployment, "pouncet:deployment"},
		{"ContextProject", stored.ContextProject, "pouncet:project"},
		{"ContextEnvironment", stored.ContextEnvironment, "pouncet:environment"},
		{"ContextEnvironmentKey", stored.ContextEnvironmentKey, "pouncet:scope-key"},
		{"KeyFile", stored.KeyFile, "pouncet-file-key-v1"},
		{"KeyFileID", stored.KeyFileID, "pouncet-file-key-v1 id"},
		{"KeyFileWrap", stored.KeyFileWrap, "pouncet-file-key-v1 wrap"},
		{"Row", stored.Row, "row"},
		{"DeletedKind", stored.DeletedKind, "deleted_"},
		{"KeptKind", stored.KeptKind, "kept_"},
		{"BuiltInType", stored.BuiltInType, "builtin:"},
		{"TokenPrefix", stored.TokenPrefix, "pnct_"},
		{"HeldName", stored.HeldName, "~"},
		{"SessionPrefix", stored.SessionPrefix, "pncs_"},
		{"LoginKey", stored.LoginKey, "login "},
		{"EndedKey", stored.EndedKey, "ended "},
		{"BegunKey", stored.BegunKey, "began "},
		{"SessionData", stored.SessionData, "session of the dashboard, form 2"},
		{"CheckpointTitle", stored.CheckpointTitle, "pouncet audit checkpoint v1"},
		{"CheckpointOrigin", stored.CheckpointOrigin, "pouncet/"},
		{"CheckpointFirst", stored.CheckpointFirst, " from "},

		{"KindProject", string(backend.KindProject), "project"},
		{"KindEnvironment", string(backend.KindEnvironment), "environment"},
		{"KindSecretType", string(backend.KindSecretType), "secret_type"},
		{"KindSecret", string(backend.KindSecret), "secret"},
		{"KindScopedValue", string(backend.KindScopedValue), "scoped_value"},
		{"KindToken", string(backend.KindToken), "token"},
		{"KindTrust", string(backend.KindTrust), "trust"},
		{"KindUsage", string(backend.KindUsage), "usage"},
		{"AnyEnvironment", backend.AnyEnvironment, "*"},
		{"ProjectScope", backend.ProjectScope, "project"},
	} {
		if l.got != l.want {
			t.Errorf("%s is %q, and stored bytes have %q", l.name, l.got, l.want)
		}
	}
}

// Fingerprints are not stored. They are compared across the network, between
// clients and servers of different versions.
func TestFingerprintsNeverChange(t *testing.T) {
	key := bytes.Repeat([]byte{1}, backend.FingerprintKeySize)
	for _, f := range []struct {
		value  string
		isJSON bool
		want   string
	}{
		{"a value", false, "62be7f6cc0f412a2000a7bafae9022ec6566bdb725d30f6565e1b2ebe1279b3a"},
		{`{"b": 1.0, "a": "<x>"}`, true, "163d5f957b0c1477b6cc4a23cc5c98991c9172b489383a590fcf3b3130ba772b"},
		{`{"b": 1.0, "a": "<x>"}`, false, "6c379077c97995c51c34014440e5d18f263e63d8f7798e8f5a9e38a505287841"},
		{"a value", true, "62be7f6cc0f412a2000a7bafae9022ec6566bdb725d30f6565e1b2ebe1279b3a"},
	} {
		if got := hex.EncodeToString(backend.Fingerprint(key, []byte(f.value), f.isJSON)); got != f.want {
			t.Errorf("the fingerprint of %s (JSON: %t) is %s, want %s", f.value, f.isJSON, got, f.want)
		}
	}
}
