// SPDX-License-Identifier: MPL-2.0

package review

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func catalogOf(names ...string) *Catalog {
	p := &Project{Name: "default", complete: true, Environments: []Environment{
		{Name: "dev"}, {Name: "prod", ID: "01890000-0000-7000-8000-000000000001"},
	}}
	for _, n := range names {
		p.Entries = append(p.Entries, Entry{Kind: "secret", Name: n, Environment: "*", Scope: "project", version: 3})
	}
	return &Catalog{Format: 1, Projects: []*Project{p}, errors: map[string]error{}}
}

func check(t *testing.T, text string, c *Catalog) ([]*Source, []Finding) {
	t.Helper()
	sources := scanText(t, "a.yaml", text)
	o := CheckOptions{Defaults: Defaults{Project: "default"}, Catalog: c, Environments: []string{"dev", "prod"}}
	return sources, Check(sources, o)
}

func TestFindings(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"existing version", "a: \"{{ get_secret_value('db', version=3) }}\"", nil},
		{"missing version", "a: \"{{ get_secret_value('db', version=4) }}\"",
			[]string{`POUNCET012 secret "db" has no version 4 in dev, prod: its current version is 3`}},
		{"environment by id", "a: \"{{ get_secret_value('db', env='01890000-0000-7000-8000-000000000001') }}\"",
			[]string{"POUNCET004 the reference uses environment prod also in dev"}},
		{"field of a secret without type", "a: \"{{ get_secret_value('db').x }}\"",
			[]string{`POUNCET013 it is unknown whether secret "db" has field "x" in dev, prod: it has no type`}},
		{"path of json_value",
			"a: \"{{ json_value(json_value(get_secret_value('db', field='y'), 'x'), '[0]') | default('') }}\"",
			[]string{`POUNCET013 it is unknown whether secret "db" has field "y.x[0]" in dev, prod: it has no type`}},
		{"path of json_value alone", "a: \"{{ json_value(get_secret_value('db'), 'x') }}\"", nil},
		{"path in another text", "a: \"{{ json_value(get_secret_value('db') | b64decode, 'x') }}\"", nil},
		{"nested default", "a: \"{{ get_secret_value('db2', default=get_secret_value('db')) }}\"",
			[]string{`POUNCET010 secret "db2" does not exist in dev, prod; the default is used`}},
		{"mapping key", "\"{{ get_secret_value('db') }}\": 1", []string{"POUNCET007 a key cannot hold a reference"}},
		{invalidYAML, "a: \"{{ get_secret_value('db') }}", nil},
		{"# in a block scalar", "a: |\n  # {{ get_secret_value('db') }}\n", nil},
		{"comment with an expression of another tool", "a: 1 # {{ .Values.x }}\n", nil},
		{"# in quotes", "a: \"x # {{ get_secret_value('db') }}\"\n", nil},
		{"comment", "\ufeffa: ä # {{ get_secret_value('db') }}\n",
			[]string{"POUNCET008 a reference in a comment is not resolved"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, findings := check(t, c.text, catalogOf("db"))
			if c.name == invalidYAML { // the message quotes the YAML parser
				if len(findings) != 1 || findings[0].Rule != Invalid {
					t.Error(messages(findings))
				}
				return
			}
			wantMessages(t, findings, c.want...)
		})
	}
}

func TestFingerprints(t *testing.T) {
	const line = "k%d: \"{{ get_secret_value('missing') }}\"\n"
	fingerprints := func(text string) string {
		sources, findings := check(t, text, catalogOf())
		var out []string
		for _, f := range Finish(sources, findings, FinishOptions{}).Findings {
			out = append(out, f.Fingerprint)
		}
		return strings.Join(out, " ")
	}
	one := fingerprints(fmt.Sprintf(line, 1))
	if moved := fingerprints("\n# above\n\n" + fmt.Sprintf(line, 2)); moved != one {
		t.Error("a fingerprint changes with its line")
	}
	if two := fingerprints(fmt.Sprintf(line+line, 1, 2)); !strings.HasPrefix(two, one+" ") || two == one+" "+one {
		t.Error("two equal findings do not have different fingerprints")
	}
	if other := fingerprints(strings.Replace(fmt.Sprintf(line, 1), "missing", "missing2", 1)); other == one {
		t.Error("findings about two names have the same fingerprint")
	}
}

// A new version of Pouncet may change a message.
func TestAFingerprintDoesNotDependOnMessages(t *testing.T) {
	for _, text := range []string{
		"a: \"{{ get_secret_valeu('db') }}\"", "a: \"{{ get_secret_value('db2') }}\"", "a: \"{{ get_secret_value() }}\"",
		"a: \"{{ get_secret_value('db').x }}\"", "a: 1 # {{ get_secret_value('db') }}\n", "a: 1 # pouncet:ignore\n",
	} {
		sources, findings := check(t, text, catalogOf("db"))
		before := Finish(sources, findings, FinishOptions{}).Findings
		after := slices.Clone(before)
		if len(before) == 0 {
			t.Errorf("%s has no findings", text)
		}
		for i := range after {
			after[i].Message, after[i].Hint, after[i].Fingerprint = "another message", "another hint", ""
		}
		setFingerprints(after)
		for i := range after {
			if after[i].Fingerprint != before[i].Fingerprint {
				t.Errorf("%s: the fingerprint of %s changes with its message", text, after[i].Rule)
			}
		}
	}
}

// TestUnreadableFileIsAlwaysNew checks that a review reports a changed file that cannot be read, even if it could not
// be read before: nobody can compare its references.
func TestUnreadableFileIsAlwaysNew(t *testing.T) {
	same := []Finding{{Rule: Invalid, File: "f", Line: 1}, {Rule: NearMiss, File: "f", Line: 2}}
	if got := NewFindings(same, same); len(got) != 1 || got[0].Rule != Invalid {
		t.Errorf("new findings %v", got)
	}
}

func TestNewFindingsHasAProblemThatReplacesAnother(t *testing.T) {
	const old, other = "a: \"{{ get_secret_valeu('db') }}\"\n", "b: \"{{ get_secret_vale('db') }}\"\n"
	_, base := check(t, old+old, catalogOf("db"))
	_, head := check(t, other+old, catalogOf("db"))
	if got := NewFindings(base, head); len(got) != 1 || got[0].Line != 1 {
		t.Errorf("got %v, want the first line", got)
	}
	if got := NewFindings(head, base); len(got) != 1 || got[0].Line != 2 {
		t.Errorf("got %v, want the second of two equal problems", got)
	}
}

func TestSeverities(t *testing.T) {
	s := Severities{}
	for text, ok := range map[string]bool{
		"POUNCET001=note": true, "near-miss=off": true,
		"POUNCET001=loud": false, "POUNCET999=note": false, "POUNCET001": false,
	} {
		if err := s.Set(text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
	if s.of(Missing) != Note || s.of(NearMiss) != Off || s.of(Unknown) != Warning {
		t.Error(s)
	}
	seen := map[string]bool{}
	last := ""
	for _, r := range Rules {
		if seen[r.Name] || r.ID <= last || r.Description == "" {
			t.Errorf("rule %s has a name of another rule, no description, or an id out of order", r.ID)
		}
		seen[r.Name], last = true, r.ID
	}
}

const invalidYAML = "invalid YAML"

func TestReadKeepsTheOrderOfTenThousandFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: reads 10,000 files: run without -short")
	}
	dir := t.TempDir()
	for i := range 10_000 {
		text := "a: 1\n"
		if i%10 == 0 {
			text = "a: \"{{ get_secret_value('db') }}\"\n"
		}
		folder := filepath.Join(dir, fmt.Sprint(i%100))
		if i < 100 {
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.yaml", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := Reader{}.ListFiles(t.Context(), []string{dir})
	if err != nil || len(files.Names) != 10_000 {
		t.Fatal(len(files.Names), err)
	}
	sources, err := Reader{}.Read(context.Background(), files)
	if err != nil || len(sources) != 1_000 {
		t.Fatalf("%d sources, want 1000: %v", len(sources), err)
	}
	for i := 1; i < len(sources); i++ {
		if sources[i-1].Name >= sources[i].Name {
			t.Fatal("the sources are not in the order of the files")
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (Reader{}).Read(ctx, files); err == nil {
		t.Error("Read with a cancelled context returned no error")
	}
}

func TestReportsHoldNoTextOfFilesExceptNames(t *testing.T) {
	const canary = "CANARY"
	for _, text := range []string{
		"a: \"{{ get_secret_value('x', default='CANARY') }}\" # CANARY",
		"a: \"{{ get_secret_value('x') | default('CANARY') | urlencode }}\"",
		"a: \"{{ get_secret_valeu('x', default='CANARY') }}\"",
		"a: \"{{ get_secret_value('x', 'CANARY') }}\"",
		"a: \"{{ env_var('HOME', 'CANARY') }} {{ get_secret_value('x') }}\"",
		"a: \"{{ json_value(get_secret_value('x'), 'a') | default('CANARY') }}\"",
		"a: pouncet://-/-/x CANARY",
		"\"{{ get_secret_value('x', default='CANARY') }}\": CANARY",
		"a: \"CANARY {{ get_secret_value('x') }} {{ get_secret_value(\"",
	} {
		sources, findings := check(t, text+"\n", catalogOf())
		if len(findings) == 0 {
			t.Errorf("%s: no findings", text)
		}
		out, err := json.Marshal(Finish(sources, findings, FinishOptions{}))
		if err != nil || strings.Contains(string(out), canary) {
			t.Errorf("%s: %s %v", text, out, err)
		}
	}
}

// This many suppressions would take hours if each searched for the line that it applies to.
func TestSuppressionsAreParsedInLinearTime(t *testing.T) {
	const n = 300_000
	text := strings.Repeat("# pouncet:ignore POUNCET004 a reason\n", n)
	for end, want := range map[string]int{"a: 1\n": n + 1, "": 1} {
		ignores := parseIgnores([]byte(text + end))
		if len(ignores) != n || ignores[0].target != want {
			t.Errorf("got %d suppressions, the first for line %d; want %d for line %d",
				len(ignores), ignores[0].target, n, want)
		}
	}
}
