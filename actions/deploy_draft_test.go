// SPDX-License-Identifier: MPL-2.0

package actions_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// deploy runs the action pouncet_deploy_draft.
func deploy(
	t *testing.T, p *acctest.Process, arguments map[string]string,
) (progress []string, diags []*tfprotov6.Diagnostic) {
	t.Helper()
	return run(t, p, "pouncet_deploy_draft", arguments)
}

func secret(op backend.Op, name, value string) backend.Change {
	c := backend.Change{Op: op, Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: name}
	if value != "" {
		c.Value = backend.PlaintextString(value)
	}
	return c
}

func TestDraftIsDeployedByAnAction(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "db", "CANARY-before")
	b.SetSecret("dev", "old", "CANARY-old")
	b.Stage("release", secret(backend.OpSet, "db", "CANARY-after"), secret(backend.OpCreate, "new", "CANARY-new"),
		secret(backend.OpDelete, "old", ""))
	p := acctest.NewProcess(t, map[string]string{"path": b.Path})

	progress, diags := deploy(t, p, map[string]string{"name": "release"})
	if len(diags) > 0 || strings.Join(progress, "|") != `draft "release" is deployed: 1 created, 1 updated, 1 deleted` {
		t.Errorf("the deployment reports %v (%v)", progress, diags)
	}
	if b.Secret("dev", "db") != "CANARY-after" || b.Secret("dev", "new") != "CANARY-new" {
		t.Error("the values of the draft were not written")
	}
	_, diags = deploy(t, p, map[string]string{"name": "release"})
	if len(diags) != 1 || !strings.Contains(diags[0].Detail, `Draft "release" does not exist`) {
		t.Errorf("the second deployment reports %v", diags)
	}
}

func TestDeploymentIsRefusedAndChangesNothing(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "db", "CANARY-before")
	b.SetSecret("dev", "old", "CANARY-old")
	purge := secret(backend.OpDelete, "old", "")
	purge.Purge = true
	b.Stage("release", secret(backend.OpSet, "db", "CANARY-after"), purge)
	p := acctest.NewProcess(t, map[string]string{"path": b.Path})
	for name, c := range map[string]struct {
		arguments map[string]string
		message   string
	}{
		"no name":            {map[string]string{}, "name"},
		"an empty name":      {map[string]string{"name": ""}, "name"},
		"a missing draft":    {map[string]string{"name": "relase"}, `Draft "relase" does not exist in project "default".`},
		"a missing project":  {map[string]string{"name": "release", "project": "none"}, `Project "none" does not exist`},
		"another revision":   {map[string]string{"name": "release", "revision": "9"}, "was changed since revision 9"},
		"revision 0":         {map[string]string{"name": "release", "revision": "0"}, "at least 1"},
		"permanent deletion": {map[string]string{"name": "release"}, `deletes secret "old" in dev permanently`},
	} {
		progress, diags := deploy(t, p, c.arguments)
		if len(diags) == 0 || len(progress) > 0 {
			t.Errorf("%s is accepted: %v", name, progress)
			continue
		}
		if text := diags[0].Summary + diags[0].Detail; !strings.Contains(text, c.message) {
			t.Errorf("%s: the error is %q, want %q in it", name, text, c.message)
		}
	}
	b.SetSecret("dev", "db", "CANARY-of-others")
	allowed := map[string]string{"name": "release", "allow_destroy": "true"}
	_, diags := deploy(t, p, allowed)
	if len(diags) != 1 || !strings.Contains(diags[0].Detail, "secret db in dev was changed") {
		t.Errorf("a stale draft: %v", diags)
	}
	if b.Secret("dev", "db") != "CANARY-of-others" || b.Secret("dev", "old") != "CANARY-old" {
		t.Error("a refused deployment changed a value")
	}
	b.Apply(backend.Change{Op: backend.OpRefresh, Kind: backend.KindDraft, Project: "default", Name: "release"})
	draft := b.Draft("release")
	allowed["name"], allowed["revision"] = draft.ID, strconv.FormatInt(draft.Revision, 10)
	progress, diags := deploy(t, p, allowed)
	if len(diags) > 0 || len(progress) != 1 || b.Secret("dev", "db") != "CANARY-after" {
		t.Errorf("the refreshed draft, by id and revision: %v, %v", progress, diags)
	}
}

// The plan warns of the attributes that the configuration would set back.
func TestDeploymentWarnsOfManagedObjects(t *testing.T) {
	b := acctest.New(t)
	managed := secret(backend.OpSet, "db", "CANARY-before")
	owner := backend.ManagedByTerraform
	managed.ManagedBy = &owner
	b.Apply(managed)
	described := secret(backend.OpUpdate, "db", "")
	text := "of the draft"
	described.Description = &text
	b.Stage("release", described)
	p := acctest.NewProcess(t, map[string]string{"path": b.Path})
	_, diags := deploy(t, p, map[string]string{"name": "release"})
	if len(diags) != 1 || diags[0].Severity != tfprotov6.DiagnosticSeverityWarning ||
		!strings.Contains(diags[0].Detail, `changes what the configuration declares: secret "db" in dev.`) {
		t.Errorf("the plan reports %v", diags)
	}
}

func TestDeploymentIsRefusedInAPlanWithoutValues(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "db", "CANARY-before")
	b.Stage("release", secret(backend.OpSet, "db", "CANARY-after"))
	p := acctest.NewProcess(t, map[string]string{"path": b.Path, "ephemeral_values": "unknown"})
	progress, diags := deploy(t, p, map[string]string{"name": "release"})
	if len(progress) > 0 || len(diags) != 1 || !strings.Contains(diags[0].Detail, `ephemeral_values = "unknown"`) {
		t.Errorf("the deployment reports %v and %v", progress, diags)
	}
	if b.Secret("dev", "db") != "CANARY-before" {
		t.Error("the deployment changed the value")
	}
}
