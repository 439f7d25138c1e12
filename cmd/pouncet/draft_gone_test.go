// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
)

// The second of two deployments of a draft at the same time says that the draft does not exist, by its name.
func TestDeployOfADraftThatIsGone(t *testing.T) {
	s := opentest.Open(t)
	ctx := t.Context()
	for _, set := range []backend.ChangeSet{
		{Changes: []backend.Change{{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: "default", Name: "dev"}}},
		{Draft: "release", Changes: []backend.Change{{Op: backend.OpCreate, Kind: backend.KindSecret, Project: "default",
			Environment: "dev", Name: "s", Value: backend.NewPlaintext([]byte("CANARY"))}}},
	} {
		if _, err := s.Apply(ctx, set); err != nil {
			t.Fatal(err)
		}
	}
	a := &app{project: "default", out: &output{to: &bytes.Buffer{}}, err: &bytes.Buffer{}}
	draft, err := a.findReference(ctx, s, draftCommand, "release")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.deploy(ctx, s, draft, "release"); err != nil {
		t.Fatal(err)
	}
	_, err = a.deploy(ctx, s, draft, "release")
	if exitCode(err) != exitMissing || !strings.Contains(err.Error(), `draft "release" does not exist`) {
		t.Errorf("error %v, exit code %d", err, exitCode(err))
	}
}
