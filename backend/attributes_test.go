// SPDX-License-Identifier: MPL-2.0

package backend_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

var update = flag.Bool("update", false, "write the reference page of attributes")

// fullChange returns a change with a value for every field.
func fullChange(t *testing.T) backend.Change {
	t.Helper()
	text, number, yes := "x", 1, true
	workload := backend.Workload
	at, role, masked := time.Unix(0, 0).UTC(), backend.RoleViewer, backend.Masked
	c := backend.Change{
		Environment: "dev", Scope: "project", Purge: true,
		Description: &text, Labels: map[string]string{"a": "b"}, ManagedBy: &text, Policy: &backend.PolicyChange{},
		KMSKey: &text, Protected: &yes, DisplayName: &text, Schema: json.RawMessage("{}"), Type: &text, Visibility: &masked,
		Value: backend.PlaintextString("v"), Generate: &backend.Generate{}, RotationDays: &number, Note: &text,
		JSON: json.RawMessage("1"),
		Link: &backend.Link{Secret: "s"}, Usages: []backend.Usage{}, Role: &role, Principal: &workload,
		TokenHash: []byte{1}, ExpiresAt: &at, SourceRanges: []string{"10.0.0.0/8"}, FromVersion: &text,
		Tags:   map[string]int64{"a": 1},
		Rights: []backend.Right{backend.RightSee}, Members: []string{"token:t"}, Grant: &backend.Grant{Role: "viewer"},
		Trust: &backend.Trust{Issuer: "https://issuer"},
	}
	named := map[string]bool{"Op": true, "Kind": true, "ID": true, "Project": true, "Name": true, "Expect": true,
		"Force": true, "Rename": true, "Edition": true, "Incarnation": true, "StagedChange": true, "SameOwner": true,
		"CreationFollows": true, "ValueFollows": true, "With": true}
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; !named[name] && v.Field(i).IsZero() {
			t.Errorf("fullChange has no value for %s: add one, and a row to AttributeTable", name)
		}
	}
	return c
}

func TestEveryFieldOfAChangeHasARow(t *testing.T) {
	c := fullChange(t)
	given := 0
	for _, a := range backend.AttributeTable {
		if !a.Given(&c) {
			t.Errorf("Given is false for %s", a.Name)
		}
		given++
	}
	// Op, kind, id, project, name, expect, force, rename, edition, incarnation, staged_change, same_owner,
	// creation_follows, value_follows and with.
	const identity = 15
	if fields := reflect.TypeOf(c).NumField(); given != fields-identity {
		t.Errorf("the table has %d rows for %d fields", given, fields-identity)
	}
	empty := backend.Change{}
	for _, a := range backend.AttributeTable {
		if a.Given(&empty) {
			t.Errorf("Given is true for %s of an empty change", a.Name)
		}
	}
}

func TestAttributesAreComparedAndSet(t *testing.T) {
	c := fullChange(t)
	var o backend.Object
	for _, a := range backend.AttributeTable {
		before := a.Same(&c, &o)
		changed := a.Set(&c, &o.Attributes)
		switch {
		case changed && before:
			t.Errorf("Same is true for %s before Set changes it", a.Name)
		case changed && !a.Same(&c, &o):
			t.Errorf("Same is false for %s after Set", a.Name)
		case changed && a.Set(&c, &o.Attributes):
			t.Errorf("a second Set of %s reports a change", a.Name)
		}
	}
	for _, a := range backend.AttributeTable {
		if got := a.Get(&o); a.Name == "rotation_days" && got != 1 || a.Name == "expires_at" && got != o.ExpiresAt {
			t.Errorf("%s is %v", a.Name, got)
		}
	}
	if o.Description != "x" || o.Labels["a"] != "b" || string(o.Schema) != "{}" || o.RotationDays != 1 ||
		o.ExpiresAt.IsZero() {
		t.Errorf("attributes were not set: %+v", o.Attributes)
	}
}

func TestCheckRefusesAttributesOfOtherKinds(t *testing.T) {
	visibility := backend.Visibility("open")
	for name, c := range map[string]backend.Change{
		"kms_key":    {Kind: backend.KindSecret, KMSKey: new(string)},
		"value":      {Kind: backend.KindScopedValue, Value: backend.PlaintextString("CANARY")},
		"visibility": {Kind: backend.KindSecret, Visibility: &visibility},
		"json":       {Kind: backend.KindScopedValue, JSON: json.RawMessage("CANARY")},
		"labels":     {Kind: backend.KindSecret, Labels: map[string]string{"": "x"}},
	} {
		err := c.Check()
		if err == nil || err.Attribute != name || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v at %q", name, err, err.Attribute)
		}
	}
	if err := (backend.Change{Kind: backend.KindSecret, Value: backend.PlaintextString("v")}).Check(); err != nil {
		t.Error(err)
	}
}

func TestPolicySetNamesWhatDiffers(t *testing.T) {
	p, most, pattern := backend.DefaultPolicy(), 5, "[a-z]+"
	c := backend.PolicyChange{MaxSecrets: &most, NamePattern: &pattern}
	if c.Holds(p) {
		t.Error("Holds is true before Set")
	}
	changed, err := p.Set(c)
	if err != nil || strings.Join(changed, " ") != "max_secrets name_pattern" || !c.Holds(p) {
		t.Errorf("changed %v (%v), policy %+v", changed, err, p)
	}
	none := 0
	if _, err := p.Set(backend.PolicyChange{MaxSecrets: &none}); err == nil || err.Attribute != "max_secrets" {
		t.Errorf("max_secrets 0 = %v", err)
	}
}

// TestAttributePage compares docs/explanation/attributes.md with the table. With -update it writes the page.
func TestAttributePage(t *testing.T) {
	const page = "../docs/explanation/attributes.md"
	var b strings.Builder
	b.WriteString("# Attributes\n\n" +
		"After reading this page you know which attributes each kind of object has, by the names that the HTTP API,\n" +
		"`--json` output and error messages use. The page is generated from the table in `backend/attributes.go`.\n\n" +
		"| attribute | kinds | meaning |\n|---|---|---|\n")
	for _, a := range backend.AttributeTable {
		kinds := make([]string, len(a.Kinds))
		for i, k := range a.Kinds {
			kinds[i] = k.String()
		}
		if len(kinds) == 0 {
			kinds = []string{"every kind"}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", a.Name, strings.Join(kinds, ", "), a.Doc)
	}
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(page); err != nil || string(got) != b.String() {
		t.Errorf("%s is not current (%v): run go test ./backend -run TestAttributePage -update", page, err)
	}
}
