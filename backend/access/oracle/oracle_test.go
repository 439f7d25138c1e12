// SPDX-License-Identifier: MPL-2.0

package oracle

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cedar-policy/cedar-go"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
)

// requests is how many random requests a run compares: with POUNCET_TORTURE=1, 100,000.
func requests() int {
	if os.Getenv("POUNCET_TORTURE") == "1" {
		return 100_000
	}
	return 4000
}

// requestsOfASet is how many requests are made with the same grants.
const requestsOfASet = 20

// TestDecisionsAreThoseOfCedar compares random requests over random grants.
func TestDecisionsAreThoseOfCedar(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	allowed, compared := 0, 0
	for compared < requests() {
		grants := make([]access.Grant, random.IntN(6))
		for i := range grants {
			grants[i] = randomGrant(random)
		}
		policies := policySet(t, grants)
		permissions := access.NewPermissions(grants)
		for range requestsOfASet {
			compared++
			right, at := backend.Rights[random.IntN(len(backend.Rights))], randomPlace(random)
			want := cedarAllows(policies, right, at)
			if want {
				allowed++
			}
			if got := access.Decide(grants, right, at); got != want {
				t.Fatalf("grants %+v: %s at %+v is %v, and Cedar says %v", grants, right, at, got, want)
			}
			if got := permissions.May(right, at); got != want {
				t.Fatalf("grants %+v: the index says that %s at %+v is %v, and Cedar says %v", grants, right, at, got, want)
			}
		}
	}
	if allowed < compared/20 || allowed > compared*19/20 {
		t.Errorf("%d of %d requests are allowed: the grants are not varied enough", allowed, compared)
	}
	t.Logf("%d requests, %d allowed, no difference", compared, allowed)
}

func pick(random *rand.Rand, from ...string) string { return from[random.IntN(len(from))] }

func randomGrant(random *rand.Rand) access.Grant {
	var g access.Grant
	for range 1 + random.IntN(3) {
		g.Rights = append(g.Rights, backend.Rights[random.IntN(len(backend.Rights))])
	}
	if g.Everywhere = random.IntN(30) == 0; g.Everywhere {
		return g
	}
	g.Where = backend.Where{Project: pick(random, "", "p", "p", "q"), Scope: pick(random, "", "", "project", "app/x"),
		Names: pick(random, "", "", "a", "a*", "*b", "a*b", "*", "*a*b*", "ab", "a**b", "b*a*")}
	if g.Where.Project != "" {
		g.Where.Environment = pick(random, "", "dev", "prod", "*")
	}
	return g
}

func randomPlace(random *rand.Rand) backend.Place {
	p := backend.Place{Project: pick(random, "p", "q"), Environment: pick(random, "dev", "prod", "*"),
		Scope: pick(random, "project", "app/x")}
	for range 1 + random.IntN(5) {
		p.Name += pick(random, "a", "b", "c")
	}
	p.Protected = p.Environment == "prod" || p.Environment == "*" && random.IntN(2) == 0
	return p
}

// policySet writes grants as policies.
func policySet(t *testing.T, grants []access.Grant) *cedar.PolicySet {
	t.Helper()
	var text strings.Builder
	for _, g := range grants {
		var actions []string
		see := false
		for _, r := range g.Rights {
			actions = append(actions, fmt.Sprintf("Right::%q", r))
			switch r {
			case "resolve", "reveal", "compare", "write", "delete", "manage", "deploy":
				see = true
			}
		}
		if see {
			actions = append(actions, `Right::"see"`)
		}
		fmt.Fprintf(&text, "permit(principal, action in [%s], resource)", strings.Join(actions, ", "))
		var conditions []string
		add := func(format, value string) {
			if value != "" {
				conditions = append(conditions, fmt.Sprintf(format, value))
			}
		}
		if !g.Everywhere {
			add("context.project == %q", g.Where.Project)
			add("context.environment == %q", g.Where.Environment)
			add("context.scope == %q", g.Where.Scope)
			add("context.name like %q", g.Where.Names)
			if g.Where.Environment == "" {
				conditions = append(conditions, "!context.protected")
			}
		}
		if len(conditions) > 0 {
			fmt.Fprintf(&text, " when { %s }", strings.Join(conditions, " && "))
		}
		text.WriteString(";\n")
	}
	set, err := cedar.NewPolicySetFromBytes("grants.cedar", []byte(text.String()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text.String())
	}
	return set
}

func cedarAllows(set *cedar.PolicySet, right backend.Right, at backend.Place) bool {
	decision, _ := cedar.Authorize(set, cedar.EntityMap{}, cedar.Request{
		Principal: cedar.NewEntityUID("Token", "t"),
		Action:    cedar.NewEntityUID("Right", cedar.String(right)),
		Resource:  cedar.NewEntityUID("Place", "p"),
		Context: cedar.NewRecord(cedar.RecordMap{
			"project": cedar.String(at.Project), "environment": cedar.String(at.Environment),
			"scope": cedar.String(at.Scope), "name": cedar.String(at.Name), "protected": cedar.Boolean(at.Protected),
		}),
	})
	return decision == cedar.Allow
}

// mutants are faults of the decision, as replacements in its source.
var mutants = []struct{ file, from, to string }{
	{"decide.go", `w.Project != "" && w.Project != p.Project`, `false`},
	{"decide.go", `w.Scope != "" && w.Scope != p.Scope`, `false`},
	{"decide.go", `w.Environment == "" && p.Protected`, `false`},
	{"decide.go", `w.Environment != "" && w.Environment != p.Environment`, `false`},
	{"decide.go", `return w.Names == "" || Matches(w.Names, p.Name)`, `return true`},
	{"decide.go", `case g.Everywhere:
		return true
	case w.Project`, `case w.Project`},
	{"decide.go", `return strings.Trim(pattern[p:], "*") == ""`, `return true`},
	{"decide.go", `p, n = star+1, resume`, `return false`},
	{"decide.go", `return right == backend.RightSee &&`, `return false &&`},
	{"decide.go", `return right == backend.RightSee &&`, `return`},
	{"decide.go", `backend.RightManage, backend.RightDeploy}`, `backend.RightManage}`},
	{"decide.go", `return g.has(right) && g.covers(at) })
}

// DecideSome`, `return g.covers(at) })
}

// DecideSome`},
	{"permissions.go", `{at.Project, ""}, {"", ""}}`, `{at.Project, ""}}`},
	{"permissions.go", `{at.Project, ""}, `, ``},
	{"permissions.go", `at.Name != "" && Decide(s.names[at.Name], right, at)`, `false`},
	{"permissions.go", `p.everywhere[i] = p.everywhere[i] || g.has(r)`, `p.everywhere[i] = g.has(r) || true`},
}

// TestMutantsAreFound runs the comparison with faults in the decision. Each of them must be found.
func TestMutantsAreFound(t *testing.T) {
	for i, m := range mutants {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			path, err := filepath.Abs(filepath.Join("..", m.file))
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			mutated := strings.Replace(string(text), m.from, m.to, 1)
			if mutated == string(text) {
				t.Fatalf("%s has no %q", m.file, m.from)
			}
			replaced, overlay := filepath.Join(t.TempDir(), m.file), filepath.Join(t.TempDir(), "overlay.json")
			list, err := json.Marshal(map[string]any{"Replace": map[string]string{path: replaced}})
			if err != nil {
				t.Fatal(err)
			}
			for name, content := range map[string][]byte{replaced: []byte(mutated), overlay: list} {
				if err := os.WriteFile(name, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out, err := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-overlay", overlay, "-run",
				"^TestDecisionsAreThoseOfCedar$", ".").CombinedOutput()
			if err == nil || !strings.Contains(string(out), "Cedar says") {
				t.Errorf("the fault %q in the place of %q was not found: %v\n%s", m.to, m.from, err, out)
			}
		})
	}
}
