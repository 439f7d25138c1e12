// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms/kmstest"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// A changed KMS key wraps the environment key again. The values stay as they are, and the old KMS key is not needed
// any more.
func TestTheKMSKeyOfAnEnvironmentCanChange(t *testing.T) {
	ctx, server := context.Background(), kmstest.New(t)
	first := server.URI(t)
	second := kmstest.Other(first)
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	parts := embedded(t, c)
	environment := backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject,
		Name: "dev"}
	secret := backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: backend.DefaultProject,
		Environment: "dev", Name: "a", Value: backend.PlaintextString("one")}
	apply := func(changes ...backend.Change) {
		t.Helper()
		if _, err := parts.Engine.Apply(ctx, backend.ChangeSet{Changes: changes}); err != nil {
			t.Fatal(err)
		}
	}
	value := func() (string, error) {
		out, err := parts.Engine.Resolve(ctx, []backend.Ref{ref("dev", "a")})
		if err != nil {
			return "", err
		}
		if out[0].Err != nil {
			return "", out[0].Err
		}
		return string(out[0].Value.Expose()), nil
	}
	reopen := func() {
		t.Helper()
		_ = parts.Close()
		var err error
		if parts, err = open.Embedded(ctx, c); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = parts.Close() })
		allow(t, parts, first, second)
	}
	allow(t, parts, first, second)
	apply(environment, secret)
	for _, uri := range []string{first, second, "", second} {
		dry := environment
		dry.KMSKey = &uri
		calls := server.Calls("Encrypt")
		out, err := parts.Engine.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{dry}, DryRun: true})
		if err != nil || out[0].Action != backend.ActionUpdate || server.Calls("Encrypt") != calls {
			t.Errorf("the dry run gives %v (%v)", out, err)
		}
		apply(dry)
		reopen()
		if got, err := value(); got != "one" || err != nil {
			t.Fatalf("after the change to %q: %q, %v", uri, got, err)
		}
	}
	server.DropKey() // the first one
	reopen()
	secret.Value = backend.PlaintextString("two")
	apply(secret)
	if got, err := value(); got != "two" || err != nil {
		t.Errorf("without the first KMS key: %q, %v", got, err)
	}
	environment.KMSKey = &first
	_, err := parts.Engine.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{environment}})
	if !errors.Is(err, backend.ErrKeyUnusable) {
		t.Errorf("a change to a deleted KMS key gives %v", err)
	}
	if got, err := value(); got != "two" || err != nil {
		t.Errorf("after the refused change: %q, %v", got, err)
	}

	// A creation that takes the environment over decides its KMS key too.
	owner := "terraform:shop"
	environment.KMSKey, environment.ManagedBy = nil, &owner
	apply(environment)
	environment.Op, environment.SameOwner = backend.OpCreate, true
	apply(environment)
	server.Down(true)
	reopen()
	if got, err := value(); got != "two" || err != nil {
		t.Errorf("under the KMS key of the backend: %q, %v", got, err)
	}
}

// A draft can be deployed after the KMS keys of its environments have changed, also the key of an environment which it
// creates.
func TestADraftFollowsTheKMSKeysOfItsEnvironments(t *testing.T) {
	ctx, server := context.Background(), kmstest.New(t)
	first := server.URI(t)
	second := kmstest.Other(first)
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	parts := embedded(t, c)
	allow(t, parts, first, second)
	under := func(env, key string) backend.Change {
		e := environment(env)
		e.KMSKey = &key
		return e
	}
	apply := func(draft string, changes ...backend.Change) {
		t.Helper()
		if _, err := parts.Engine.Apply(ctx, backend.ChangeSet{Draft: draft, Changes: changes}); err != nil {
			t.Fatal(err)
		}
	}
	apply("", under("dev", first), secret("dev", "a", "one"))
	apply("d", secret("dev", "a", "two"), under("later", first), secret("later", "a", "of later"))
	apply("", under("dev", second))
	apply("d", under("later", second))
	server.DropKey() // the first one
	_ = parts.Close()
	parts, err := open.Embedded(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	allow(t, parts, first, second)
	deploy := backend.Change{Op: backend.OpDeploy, Kind: backend.KindDraft, Project: backend.DefaultProject, Name: "d"}
	if _, err := parts.Engine.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{deploy}}); err != nil {
		t.Fatal(err)
	}
	out, err := parts.Engine.Resolve(ctx, []backend.Ref{ref("dev", "a"), ref("later", "a")})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"two", "of later"} {
		if got := string(out[i].Value.Expose()); got != want || out[i].Err != nil {
			t.Errorf("value %d is %q, want %q: %v", i, got, want, out[i].Err)
		}
	}
}
