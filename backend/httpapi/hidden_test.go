// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
)

// The names are equally long, so that a response to one can be compared with a response to the other.
const (
	hiddenName  = "hidden_name"
	missingName = "missin_name"
	missingID   = "01890a5d-ac96-774b-bcce-b302099a8057"
)

// places makes requests for what a token may not see, and for what does not exist.
type places struct {
	t      *testing.T
	url    string
	schema map[string]any // the OpenAPI document
	hidden map[backend.Kind]string
	admin  backend.Service
	client *http.Client
	mu     sync.Mutex
	differ int
}

// askedAtOnce is how many requests of a role run at once. Then the server writes the audit records of several calls in
// one commit, which saves a third of the time.
const askedAtOnce = 8

// atOnce calls f with each number below n, for requests that change nothing.
func atOnce(n int, f func(i int)) {
	var running errgroup.Group
	running.SetLimit(askedAtOnce)
	for i := range n {
		running.Go(func() error { f(i); return nil })
	}
	_ = running.Wait() // f returns no error
}

// TestHiddenIsAsMissing asks, at each endpoint of the OpenAPI document that takes a body, with each string of the body,
// each kind and each operation, and for each role: once for something that the token may not see, and once for
// something that does not exist. The answers must be equal but for the request id.
func TestHiddenIsAsMissing(t *testing.T) {
	roles := backend.Roles
	if testing.Short() {
		roles = []backend.Role{backend.RolePlanner}
	}
	for _, role := range roles {
		t.Run(string(role), func(t *testing.T) {
			t.Parallel()
			p := newPlaces(t) // of its own: some roles make drafts, whose names hints list
			tokens := map[backend.Role]string{}
			for _, r := range backend.Roles {
				tokens[r] = p.bound(r)
			}
			p.tryAll(role, tokens[role])
		})
	}
}

// tryAll asks at each endpoint.
func (p *places) tryAll(role backend.Role, token string) {
	for path, operations := range p.schema["paths"].(map[string]any) {
		post, ok := operations.(map[string]any)["post"].(map[string]any)
		if !ok || path == "/v1/login" {
			// Without a body, nothing can be named. A login has no token yet, and its refusals have one text: see
			// TestHostileTokensAreRefused in package oidc.
			continue
		}
		body := p.resolved(dig(post, "requestBody", "content", "application/json", "schema"))
		switch fields := p.strings(body, nil); {
		case slices.ContainsFunc(fields, func(f []string) bool { return f[0] == "changes" }):
			p.tryChanges(role, token, path, fields)
		case slices.ContainsFunc(fields, func(f []string) bool { return slices.Contains(f, "name") }):
			p.tryLookups(role, token, path, fields)
		default:
			p.t.Errorf("%s names objects in a way that this test does not know", path)
		}
	}
}

func newPlaces(t *testing.T) *places {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	made := opentest.Init(t, c)
	token, err := os.ReadFile(made.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := open.Embedded(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	makeWorkload(t, parts)
	p := &places{t: t, url: serve(t, parts), hidden: map[backend.Kind]string{}, client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: askedAtOnce},
	}}
	t.Cleanup(p.client.CloseIdleConnections)
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &p.schema); err != nil {
		t.Fatal(err)
	}
	p.fill(client(t, p.url, strings.TrimSpace(string(token))))
	return p
}

// fill makes objects of all kinds: those with hiddenName cannot be seen by a token that is bound to db_* in dev.
func (p *places) fill(admin backend.Service) {
	p.t.Helper()
	protected, role := true, backend.RoleNone
	const other = "other"
	at := func(kind backend.Kind, project, env, name string) backend.Change {
		c := backend.Change{Op: backend.OpSet, Kind: kind, Project: project, Environment: env, Name: name}
		switch kind {
		case backend.KindSecret:
			c.Value = backend.PlaintextString("v")
		case backend.KindScopedValue:
			c.JSON = json.RawMessage("1")
		case backend.KindSecretType:
			c.Schema = json.RawMessage(`{"type":"string"}`)
		case backend.KindUsage:
			c.Usages = []backend.Usage{{Kind: backend.KindSecret, Name: hiddenName, Environment: "dev", File: "f"}}
		}
		return c
	}
	hiddenEnv := at(backend.KindEnvironment, backend.DefaultProject, "", hiddenName)
	hiddenEnv.Protected = &protected
	grant := &backend.Grant{Role: "viewer", To: "token:" + hiddenName, Where: backend.Where{Project: hiddenName}}
	changes := []backend.Change{
		{Op: backend.OpSet, Kind: backend.KindProject, Name: hiddenName}, at(backend.KindEnvironment, hiddenName, "", "dev"),
		at(backend.KindSecretType, hiddenName, "", hiddenName),
		at(backend.KindEnvironment, backend.DefaultProject, "", "dev"), hiddenEnv,
		at(backend.KindSecret, backend.DefaultProject, "dev", "db_seen"),
		at(backend.KindScopedValue, backend.DefaultProject, "dev", "db_seen"),
		at(backend.KindSecret, backend.DefaultProject, hiddenName, "db_seen"),
		at(backend.KindSecret, backend.DefaultProject, "dev", hiddenName),
		at(backend.KindScopedValue, backend.DefaultProject, "dev", hiddenName),
		at(backend.KindSecret, backend.DefaultProject, "*", hiddenName),
		at(backend.KindUsage, backend.DefaultProject, "", hiddenName),
		{Op: backend.OpCreate, Kind: backend.KindToken, Name: hiddenName, Role: &role,
			TokenHash: bytes.Repeat([]byte("h"), 32)},
		{Op: backend.OpSet, Kind: backend.KindRole, Name: hiddenName, Rights: []backend.Right{backend.RightAudit}},
		{Op: backend.OpSet, Kind: backend.KindGroup, Name: hiddenName, Members: []string{"token:" + hiddenName}},
		{Op: backend.OpCreate, Kind: backend.KindBinding, Name: hiddenName, Grant: grant},
		{Op: backend.OpSet, Kind: backend.KindTrust, Name: hiddenName, Trust: &backend.Trust{Issuer: "https://issuer.example",
			Audience: "pouncet", Claims: map[string]string{"sub": "someone"}, Principal: backend.Workload}},
	}
	out, err := admin.Apply(p.t.Context(), backend.ChangeSet{Changes: changes})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, o := range out {
		if o.Object.Name == hiddenName && o.Object.ID != "" {
			p.hidden[o.Object.Kind] = o.Object.ID
		}
	}
	staged := at(backend.KindSecret, hiddenName, "dev", other)
	out, err = admin.Apply(p.t.Context(), backend.ChangeSet{Draft: hiddenName, Changes: []backend.Change{staged}})
	if err != nil || len(out) != 1 {
		p.t.Fatal(err)
	}
	for kind, draft := range map[backend.Kind]string{backend.KindDraft: "", backend.KindDraftChange: hiddenName} {
		found, err := admin.Query(p.t.Context(), backend.Query{Kind: kind, Project: hiddenName, Draft: draft})
		if err != nil || len(found.Objects) != 1 {
			p.t.Fatal(found, err)
		}
		p.hidden[kind] = found.Objects[0].ID
	}
	withoutID := []string{"record", "version", "entry", "usage", "scope"} // no request names one by an id
	for _, kind := range p.enum("Kind") {
		if p.hidden[backend.Kind(kind)] == "" && !slices.Contains(withoutID, kind) {
			p.t.Errorf("there is no hidden object of kind %s", kind)
		}
	}
	p.admin = admin
}

// bound creates a token with a role for the names db_* in dev, or with none.
func (p *places) bound(role backend.Role) string {
	p.t.Helper()
	token, hash := access.NewToken()
	none, name := backend.RoleNone, "bound-"+string(role)
	changes := []backend.Change{{Op: backend.OpCreate, Kind: backend.KindToken, Name: name, Role: &none, TokenHash: hash}}
	if role != none {
		changes = append(changes, backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding, Name: name,
			Grant: &backend.Grant{Role: string(role), To: "token:" + name, Where: backend.Where{
				Project: backend.DefaultProject, Environment: "dev", Names: "db_*"}}})
	}
	if _, err := p.admin.Apply(context.Background(), backend.ChangeSet{Changes: changes}); err != nil {
		p.t.Fatal(err)
	}
	return token
}

// question is one value of a field that is hidden or missing.
type question struct {
	field           []string
	hidden, missing string
}

// questions lists what can be asked with the fields of a body about an object of a kind.
func (p *places) questions(kind backend.Kind, fields [][]string) (all []question) {
	for _, f := range fields {
		all = append(all, question{f, hiddenName, missingName})
		id := ""
		switch f[len(f)-1] {
		case "id":
			id = p.hidden[kind]
		case "project":
			id = p.hidden[backend.KindProject]
		case "environment":
			id = p.hidden[backend.KindEnvironment]
		case "draft":
			id = p.hidden[backend.KindDraft]
		case "to", "0":
			all = append(all, question{f, "token:" + hiddenName, "token:" + missingName},
				question{f, "group:" + hiddenName, "group:" + missingName},
				question{f, "trust:" + hiddenName, "trust:" + missingName},
				question{f, "trust:" + hiddenName + "/someone", "trust:" + missingName + "/someone"})
		}
		if id != "" {
			all = append(all, question{f, id, missingID})
		}
	}
	return all
}

// isKnown reports whether a token may see a role because it could give it: an admin in dev has all rights there.
func isKnown(role backend.Role, kind backend.Kind, f []string) bool {
	return role == backend.RoleAdmin && (kind == backend.KindRole || f[len(f)-1] == "role")
}

// isUnique reports whether a question is about a name that can exist once in the backend. A creation fails if such a
// name is taken, by any object.
func isUnique(kind backend.Kind, op string, f []string) bool {
	last := f[len(f)-1]
	return (kind == backend.KindToken || kind == backend.KindBinding) && (last == "rename" ||
		last == "name" && (op == "set" || op == "create"))
}

// changeOf returns a change of an object that the token may see, if it may see any object of this kind.
func changeOf(kind backend.Kind, op string) map[string]any {
	c := map[string]any{"kind": string(kind), "op": op, "name": "db_seen"}
	switch kind {
	case backend.KindProject:
		c["name"] = backend.DefaultProject
	case backend.KindEnvironment:
		c["project"], c["name"] = backend.DefaultProject, "dev"
	case backend.KindSecret:
		c["project"], c["environment"], c["value"] = backend.DefaultProject, "dev", "v"
	case backend.KindScopedValue:
		c["project"], c["environment"], c["json"] = backend.DefaultProject, "dev", 1
	case backend.KindToken:
		c["role"], c["token_hash"] = "none", "aGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGg="
	case backend.KindBinding:
		c["grant"] = map[string]any{"role": "viewer", "to": "token:bound-admin",
			"where": map[string]any{"project": backend.DefaultProject, "environment": "dev", "names": "db_*"}}
	case backend.KindRole:
		c["rights"] = []any{"see"}
	case backend.KindGroup:
		c["members"] = []any{}
	case backend.KindUsage:
		c["project"], c["name"] = backend.DefaultProject, "repo"
		c["usages"] = []any{map[string]any{"kind": "secret", "name": "db_seen", "environment": "dev", "file": "f"}}
	default:
		c["project"] = backend.DefaultProject
	}
	return c
}

// tryChanges asks with the fields of a change, in dry runs of many changes, and with some of them in real changes.
func (p *places) tryChanges(role backend.Role, token, path string, fields [][]string) {
	var ofChange, ofSet [][]string
	for _, f := range fields {
		if f[0] == "changes" {
			ofChange = append(ofChange, f[2:])
		} else {
			ofSet = append(ofSet, f)
		}
	}
	for _, kindName := range p.enum("Kind") {
		kind := backend.Kind(kindName)
		for _, op := range p.enum("Op") {
			base := changeOf(kind, op)
			var asked []question
			for _, q := range p.questions(kind, ofChange) {
				if !isUnique(kind, op, q.field) && !isKnown(role, kind, q.field) {
					asked = append(asked, q)
				}
			}
			p.askTogether(role, token, path, asked, func(q question, value string) any { return with(base, q.field, value) },
				func(changes []any) any { return map[string]any{"dry_run": true, "changes": changes} })
			if !slices.Contains([]backend.Role{backend.RoleAdmin, backend.RoleEditor}, role) {
				continue
			}
			for _, q := range asked { // the real ones: what they name is hidden or missing, so they are refused
				if slices.Contains([]string{"name", "id", "project", "environment"}, q.field[0]) {
					p.askRefused(role, token, path, q, map[string]any{"changes": []any{with(base, q.field, q.hidden)}},
						map[string]any{"changes": []any{with(base, q.field, q.missing)}})
				}
			}
		}
		set := map[string]any{"changes": []any{changeOf(kind, "set")}, "dry_run": true}
		asked := p.questions(kind, ofSet)
		atOnce(len(asked), func(i int) {
			q := asked[i]
			p.ask(role, token, path, q, with(set, q.field, q.hidden), with(set, q.field, q.missing))
		})
	}
}

// tryLookups asks with the fields of a query or of references.
func (p *places) tryLookups(role backend.Role, token, path string, fields [][]string) {
	for _, kind := range p.enum("Kind") {
		base := map[string]any{"kind": kind, "project": backend.DefaultProject}
		reference := map[string]any{"kind": kind, "project": backend.DefaultProject, "environment": "dev", "name": "db_seen"}
		isReference := slices.ContainsFunc(fields, func(f []string) bool { return f[len(f)-1] == "field" })
		var body any = base
		switch {
		case fields[0][0] == "common":
			body = map[string]any{"refs": []any{reference}}
		case isReference:
			body = reference
		case kind == string(backend.KindProject) || kind == string(backend.KindToken):
			delete(base, "project")
		}
		if isReference && kind != "secret" && kind != "scoped_value" {
			continue // no reference has such a kind
		}
		asked := p.questions(backend.Kind(kind), fields)
		atOnce(len(asked), func(i int) {
			if q := asked[i]; !isKnown(role, backend.Kind(kind), q.field) {
				p.ask(role, token, path, q, with(body, q.field, q.hidden), with(body, q.field, q.missing))
			}
		})
	}
}

// askTogether asks questions in one request or, if that is refused as a whole, one by one.
func (p *places) askTogether(role backend.Role, token, path string, asked []question,
	one func(q question, value string) any, all func([]any) any,
) {
	var hidden, missing []any
	for _, q := range asked {
		hidden, missing = append(hidden, one(q, q.hidden)), append(missing, one(q, q.missing))
	}
	status, a := p.post(token, path, all(hidden))
	if otherStatus, b := p.post(token, path, all(missing)); status == http.StatusOK && otherStatus == status {
		var x, y struct{ Outcomes []json.RawMessage }
		if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil || len(x.Outcomes) != len(y.Outcomes) {
			p.t.Fatalf("%s: %s\n%s", path, a, b)
		}
		for i, q := range asked {
			p.compare(role, path, q, hidden[i], status, x.Outcomes[i], otherStatus, y.Outcomes[i])
		}
		return
	}
	atOnce(len(asked), func(i int) {
		p.ask(role, token, path, asked[i], all(hidden[i:i+1]), all(missing[i:i+1]))
	})
}

// ask makes one request for what is hidden and one for what is missing.
func (p *places) ask(role backend.Role, token, path string, q question, hidden, missing any) {
	status, a := p.post(token, path, hidden)
	otherStatus, b := p.post(token, path, missing)
	p.compare(role, path, q, hidden, status, a, otherStatus, b)
}

// askRefused is ask for real changes. Some objects do not have the field, so that the change is made, the second time
// another way. The dry run has compared it.
func (p *places) askRefused(role backend.Role, token, path string, q question, hidden, missing any) {
	status, a := p.post(token, path, hidden)
	otherStatus, b := p.post(token, path, missing)
	if status != http.StatusOK && otherStatus != http.StatusOK {
		p.compare(role, path, q, hidden, status, a, otherStatus, b)
	}
}

var (
	requestIDs = regexp.MustCompile(`"request_id":\s*"[^"]*"`)
	newIDs     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	times      = regexp.MustCompile(`\d{4}-\d{2}-\d{2}T[0-9:.]+Z|"(revision|edition)":\d{16}\b`) // of drafts, too
)

func (p *places) compare(role backend.Role, path string, q question, body any, status int, hidden []byte, other int,
	missing []byte,
) {
	p.t.Helper()
	plain := func(text []byte) string {
		s := strings.NewReplacer(q.hidden, "X", q.missing, "X", hiddenName, "X", missingName, "X").Replace(string(text))
		return times.ReplaceAllString(newIDs.ReplaceAllString(requestIDs.ReplaceAllString(s, ""), "ID"), "T")
	}
	if a, b := plain(hidden), plain(missing); status != other || a != b {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.differ++; p.differ <= 40 {
			text, _ := json.Marshal(body)
			p.t.Errorf("role %s, POST %s %s\nhidden:  %d %s\nmissing: %d %s", role, path, text, status, a, other, b)
		}
	}
}

func (p *places) post(token, path string, body any) (status int, answer []byte) {
	p.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		p.t.Error(err)
		return 0, nil
	}
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+path, bytes.NewReader(text))
	if err != nil {
		p.t.Error(err)
		return 0, nil
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	out, err := p.client.Do(r)
	if err != nil {
		p.t.Error(err)
		return 0, nil
	}
	defer func() { _ = out.Body.Close() }()
	answer, err = io.ReadAll(out.Body)
	if err != nil {
		p.t.Error(err)
		return 0, nil
	}
	return out.StatusCode, answer
}
