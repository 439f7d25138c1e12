// SPDX-License-Identifier: MPL-2.0

package oidc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/oidc/oidctest"
)

func TestAnIdentityTokenGivesASessionOnEveryServer(t *testing.T) {
	onBoth(t, func(f *fixture) {
		f.trust("github", nil)
		a := f.login(0, "github", f.token(nil))
		if a.Status != http.StatusOK || a.Principal != "github/repo:acme/shop" || a.Kind != backend.Workload {
			t.Fatalf("%d %s", a.Status, a.Text)
		}
		if life := a.ExpiresAt.Sub(f.clock()); life > time.Hour || life < 59*time.Minute {
			t.Errorf("the session is valid for %s", life)
		}
		f.works(a.Token)
		f.works(f.mustLogin(1, "", f.token(nil))) // the only trust need not be named
		f.pass(time.Hour)
		if _, err := f.resolve(0, a.Token); !errors.Is(err, backend.ErrUnauthenticated) {
			t.Errorf("after its time: %v", err)
		}
		if _, err := f.resolve(1, a.Token+"A"); !errors.Is(err, backend.ErrUnauthenticated) {
			t.Errorf("a changed session: %v", err)
		}
	})
}

func TestASessionHasOneSpelling(t *testing.T) {
	f := newFixture(t, sqlite)
	f.trust("github", nil)
	session := f.mustLogin(0, "github", f.token(nil))
	f.works(session)
	last := session[len(session)-1]
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		_, err := f.resolve(0, session[:len(session)-1]+string(c))
		if c != last && !errors.Is(err, backend.ErrUnauthenticated) {
			t.Errorf("%q in place of %q at the end: %v", c, last, err)
		}
	}
}

func TestADeletedOrChangedTrustEndsItsSessionsEverywhere(t *testing.T) {
	onBoth(t, func(f *fixture) {
		f.trust("github", nil)
		session := f.mustLogin(0, "github", f.token(nil))
		f.works(session)
		changed := backend.Trust{Issuer: f.issuer.URL, Audience: audience, Claims: map[string]string{"sub": "repo:acme/shop"},
			Principal: backend.Workload}
		f.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindTrust, Name: "github", Trust: &changed})
		for server := range f.servers {
			if _, err := f.resolve(server, session); !errors.Is(err, backend.ErrUnauthenticated) {
				t.Errorf("server %d, after a change: %v", server, err)
			}
		}
		session = f.mustLogin(1, "github", f.token(nil))
		f.works(session)
		f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindTrust, Name: "github"})
		for server := range f.servers {
			if _, err := f.resolve(server, session); !errors.Is(err, backend.ErrUnauthenticated) {
				t.Errorf("server %d, after the deletion: %v", server, err)
			}
		}
		f.trust("github", nil) // its bindings were deleted with it, and another trust of the name is another one
		if _, err := f.resolve(0, session); !errors.Is(err, backend.ErrUnauthenticated) {
			t.Errorf("under a new trust: %v", err)
		}
	})
}

// A trust that Terraform replaces or displaces keeps its bindings, and lets nobody in meanwhile.
func TestAHeldTrustLetsNobodyIn(t *testing.T) {
	onBoth(t, func(f *fixture) {
		f.trust("github", nil)
		owner := "terraform:shop"
		f.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindTrust, Name: "github", ManagedBy: &owner})
		session := f.mustLogin(0, "github", f.token(nil))
		f.works(session)
		held := func(what string) {
			f.Helper()
			for server := range f.servers {
				if _, err := f.resolve(server, session); !errors.Is(err, backend.ErrUnauthenticated) {
					t.Errorf("%s, server %d: %v", what, server, err)
				}
				for _, name := range []string{"", "github"} {
					f.refusedBecause(what, f.login(server, name, f.token(nil)), "no trust")
				}
			}
		}
		f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindTrust, Name: "github", ManagedBy: &owner,
			SameOwner: true, CreationFollows: true})
		held("replaced")
		same := backend.Trust{Issuer: f.issuer.URL, Audience: audience, Claims: map[string]string{"sub": "repo:acme/*"},
			Principal: backend.Workload}
		f.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindTrust, Name: "github", ManagedBy: &owner,
			SameOwner: true, Trust: &same})
		if _, err := f.resolve(0, session); !errors.Is(err, backend.ErrUnauthenticated) {
			t.Errorf("an earlier session, after the replacement: %v", err)
		}
		session = f.mustLogin(1, "github", f.token(nil))
		f.works(session) // the binding stayed
		elsewhere := same
		elsewhere.Audience = "elsewhere"
		f.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindTrust, Name: "other", ManagedBy: &owner,
			Trust: &elsewhere})
		github := "github"
		f.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindTrust, Name: "other", Rename: &github,
			ManagedBy: &owner, SameOwner: true})
		for _, name := range []string{"", "github"} {
			if a := f.login(0, name, f.token(nil)); a.Status != http.StatusUnauthorized {
				t.Errorf("displaced: status %d: %s", a.Status, a.Text)
			}
		}
	})
}

func TestAnIdentityTokenIsAcceptedOnce(t *testing.T) {
	onBoth(t, func(f *fixture) {
		f.trust("github", nil)
		token := f.token(nil)
		f.mustLogin(0, "github", token)
		f.refusedBecause("again", f.login(0, "github", token), "it was used before")
		f.refusedBecause("on the other server", f.login(1, "github", token), "it was used before")

		// Of many at the same time, one is accepted.
		token = f.token(nil)
		var all sync.WaitGroup
		statuses := make(chan int, 8)
		for n := range cap(statuses) {
			all.Go(func() { statuses <- f.login(n%2, "github", token).Status })
		}
		all.Wait()
		close(statuses)
		accepted := 0
		for s := range statuses {
			if s == http.StatusOK {
				accepted++
			}
		}
		if accepted != 1 {
			t.Errorf("%d logins with one token are accepted", accepted)
		}
		f.trust("cluster", func(t *backend.Trust) { t.Reuse, t.Claims = true, map[string]string{"sub": "system:*"} })
		pod := f.issuer.Token(audience, "system:serviceaccount:shop:api", nil)
		f.works(f.mustLogin(0, "cluster", pod))
		f.works(f.mustLogin(1, "cluster", pod))
	})
}

// A signature of ECDSA has a second form, which anyone can make.
func TestAnotherFormOfTheSignatureIsTheSameToken(t *testing.T) {
	f := newFixture(t, sqlite)
	f.issuer.Rotate(oidctest.NewECDSA("ec"))
	f.trust("github", nil)
	token := f.token(nil)
	f.mustLogin(0, "github", token)
	other := mirrored(t, token)
	if other == token {
		t.Fatal("the signature is the same")
	}
	f.refusedBecause("mirrored", f.login(0, "github", other), "it was used before")
}

// The text of a token has other forms, which decoders accept: with line breaks, with bits that nobody reads, and as
// JSON.
func TestAnotherFormOfTheTextIsRefused(t *testing.T) {
	f := newFixture(t, sqlite)
	f.trust("github", nil)
	token := f.token(nil)
	parts := strings.Split(token, ".")
	asJSON := fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q,"x":".%s.x"}`, parts[1], parts[0], parts[2],
		parts[1])
	f.mustLogin(0, "github", token)
	for name, other := range map[string]string{
		"a blank in the header":      " " + token,
		"a line break in the header": parts[0][:4] + "\n" + token[4:],
		"a line break in the claims": parts[0] + "." + parts[1][:4] + "\r\n" + parts[1][4:] + "." + parts[2],
		"a line break at the end":    token + "\n",
		"padding":                    parts[0] + "." + parts[1] + "=." + parts[2],
		"JSON":                       asJSON,
	} {
		f.refusedBecause(name, f.login(0, "github", other), "it is not in the compact form")
	}
	for i := range parts {
		changed := slices.Clone(parts)
		changed[i] = otherBits(parts[i])
		if changed[i] != parts[i] {
			f.refusedBecause("other bits", f.login(0, "github", strings.Join(changed, ".")), "it is not in the compact form")
		}
	}
}

// otherBits returns base64 that decodes to the same bytes, if the last character has bits that nobody reads.
func otherBits(part string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, part[len(part)-1])
	if len(part)%4 == 0 {
		return part
	}
	return part[:len(part)-1] + alphabet[last^1:][:1]
}

func TestKeysAreRotated(t *testing.T) {
	f := newFixture(t, sqlite)
	f.trust("github", nil)
	f.works(f.mustLogin(0, "github", f.token(nil)))
	old := f.issuer.Signing()
	f.issuer.Rotate(oidctest.NewECDSA("second"))
	if a := f.login(0, "github", f.token(nil)); a.Status == http.StatusOK {
		t.Error("the issuer was asked twice within seconds")
	}
	f.pass(31 * time.Second)
	f.works(f.mustLogin(0, "github", f.token(nil)))
	stale := old.Sign(mustJSON(t, f.issuer.Claims(audience, "repo:acme/shop", nil)))
	f.refusedBecause("a withdrawn key", f.login(0, "github", stale), "no key of its issuer has the id")
}

// However many tokens are presented, the issuer is asked once in 30 seconds.
func TestUnknownKeysDoNotFloodTheIssuer(t *testing.T) {
	f := newFixture(t, sqlite)
	f.trust("github", nil)
	f.works(f.mustLogin(0, "github", f.token(nil)))
	stranger := oidctest.NewECDSA("stranger")
	for range 20 {
		stranger.ID += "x"
		token := stranger.Sign(mustJSON(t, f.issuer.Claims(audience, "repo:acme/shop", nil)))
		f.refusedBecause("unknown key", f.login(0, "github", token), "no key of its issuer has the id")
	}
	if n := f.issuer.Requests("/keys"); n != 1 {
		t.Errorf("the issuer was asked for its keys %d times", n)
	}
	f.refusedBecause("another issuer", f.login(0, "", sign(t, stranger, map[string]any{"iss": "http://127.0.0.1:1"})),
		"no trust fits its issuer")
}

// Somebody with a token that names an unknown key must not keep out the others while the issuer is asked.
func TestASlowIssuerBlocksNoOtherLogin(t *testing.T) {
	f := newFixture(t, sqlite)
	f.trust("github", nil)
	f.works(f.mustLogin(0, "github", f.token(nil)))
	f.pass(31 * time.Second)
	asked, answered, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	f.issuer.Answer(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answered
		w.WriteHeader(http.StatusInternalServerError)
	})
	stranger := oidctest.NewECDSA("stranger")
	unknown := stranger.Sign(mustJSON(t, f.issuer.Claims(audience, "repo:acme/shop", nil)))
	var status int
	go func() {
		defer close(done)
		status = f.login(0, "github", unknown).Status
	}()
	<-asked
	f.works(f.mustLogin(0, "github", f.token(nil)))
	select {
	case <-done:
		t.Error("the login has waited for the issuer")
	default:
	}
	close(answered)
	<-done
	if status != http.StatusUnauthorized {
		t.Errorf("the token with an unknown key gives status %d", status)
	}
}

func TestAnUnreachableIssuerIsUnavailable(t *testing.T) {
	f := newFixture(t, sqlite)
	f.trust("github", nil)
	for name, answers := range map[string]http.HandlerFunc{
		"status 500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/inside", http.StatusFound)
		},
		"an endless answer": func(w http.ResponseWriter, _ *http.Request) {
			for range 3 << 10 {
				if _, err := w.Write([]byte(strings.Repeat(" ", 1<<10))); err != nil {
					return
				}
			}
		},
		"keys elsewhere without TLS": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"issuer": "` + f.issuer.URL + `", "jwks_uri": "http://169.254.169.254/keys"}`))
		},
		"another issuer": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"issuer": "https://other.example.com", "jwks_uri": "` + f.issuer.URL + `/keys"}`))
		},
	} {
		f.issuer.Answer(answers)
		f.pass(31 * time.Second)
		if a := f.login(0, "github", f.token(nil)); a.Status != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d: %s", name, a.Status, a.Text)
		}
	}
	f.issuer.Answer(nil)
	f.pass(31 * time.Second)
	now := f.clock().Unix()
	f.works(f.mustLogin(0, "github", f.token(map[string]any{"iat": now, "exp": now + 300})))
	f.issuer.Close()
	f.pass(2 * time.Hour) // the keys are old, and still used
	now = f.clock().Unix()
	f.works(f.mustLogin(0, "github", f.token(map[string]any{"iat": now, "exp": now + 300})))
	f.pass(5 * time.Hour)
	now = f.clock().Unix()
	if a := f.login(0, "github", f.token(map[string]any{"iat": now, "exp": now + 300})); a.Status != 503 {
		t.Errorf("with keys of yesterday: status %d: %s", a.Status, a.Text)
	}
}

func TestATrustCanHaveTheKeys(t *testing.T) {
	f := newFixture(t, sqlite)
	f.trust("cluster", func(t *backend.Trust) { t.Keys = f.issuer.Keys() })
	f.works(f.mustLogin(0, "cluster", f.token(nil)))
	if n := f.issuer.Requests("/keys"); n != 0 {
		t.Errorf("the issuer was asked %d times", n)
	}
}

func TestOneTrustIsChosen(t *testing.T) {
	f := newFixture(t, sqlite)
	f.trust("all", nil)
	f.trust("main", func(t *backend.Trust) { t.Claims["ref"] = "refs/heads/main" })
	f.works(f.mustLogin(0, "", f.token(map[string]any{"ref": "refs/heads/x"})))
	main := f.token(map[string]any{"ref": "refs/heads/main"})
	a := f.login(0, "", main)
	if a.Error == nil || !strings.Contains(a.Error.Message, "several trusts accept the identity token: all, main") {
		t.Errorf("%d %s", a.Status, a.Text)
	}
	f.works(f.mustLogin(0, "main", main))
	f.refusedBecause("of no trust", f.login(0, "none", f.token(nil)), "no trust fits")
}

func TestBindingsOfOneSubject(t *testing.T) {
	onBoth(t, func(f *fixture) {
		f.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindTrust, Name: "staff", Trust: &backend.Trust{
			Issuer: f.issuer.URL, Audience: audience, Claims: map[string]string{"hd": "acme.example.com"}, Subject: "email",
			Principal: backend.Person}},
			bound("ada", "trust:staff/ada@acme.example.com"))
		person := func(email string, verified any) string {
			return f.issuer.Token(audience, "1", map[string]any{"hd": "acme.example.com", "email": email,
				"email_verified": verified})
		}
		f.works(f.mustLogin(0, "staff", person("ada@acme.example.com", true)))
		if _, err := f.resolve(0, f.mustLogin(0, "", person("bob@acme.example.com", true))); err == nil {
			t.Error("another person has the rights")
		}
		f.refusedBecause("not verified", f.login(0, "", person("ada@acme.example.com", false)), "must be a verified text")
		f.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindGroup, Name: "team",
			Members: []string{"trust:staff/bob@acme.example.com"}}, bound("team", "group:team"))
		f.works(f.mustLogin(1, "", person("bob@acme.example.com", true)))
	})
}

// A token would outlive the session, and the rights of its trust.
func TestASessionCreatesNoTokens(t *testing.T) {
	onBoth(t, func(f *fixture) {
		for _, kind := range backend.PrincipalKinds {
			name := string(kind)
			f.trust(name, func(t *backend.Trust) {
				t.Principal, t.Claims = kind, map[string]string{"sub": "repo:" + name}
			})
			lead := bound(name+"-lead", backend.ToTrust+name)
			lead.Grant.Role = "admin"
			f.must(lead)
			session := f.mustLogin(0, name, f.issuer.Token(audience, "repo:"+name, nil))
			c, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: f.servers[0].URL, Token: session, RetryMax: -1})
			if err != nil {
				t.Fatal(err)
			}
			_, hash := access.NewToken()
			role, soon := backend.RoleNone, f.clock().Add(time.Minute)
			for _, expires := range []*time.Time{nil, {}, &soon} {
				for _, dry := range []bool{true, false} {
					out, err := c.Apply(t.Context(), backend.ChangeSet{DryRun: dry, Changes: []backend.Change{{Op: backend.OpCreate,
						Kind: backend.KindToken, Name: "kept", Role: &role, TokenHash: hash, ExpiresAt: expires}}})
					if dry && len(out) == 1 {
						err = out[0].Err
					}
					if !errors.Is(err, backend.ErrDenied) || !strings.Contains(err.Error(), "a session cannot create tokens") {
						t.Errorf("%s, dry run %v: %v", kind, dry, err)
					}
				}
			}
		}
	})
}

func TestLoginsAreRecorded(t *testing.T) {
	onBoth(t, func(f *fixture) {
		f.trust("github", nil)
		token := f.token(nil)
		session := f.mustLogin(0, "github", token)
		f.login(0, "github", f.token(map[string]any{"aud": []string{audience, "other"}}))
		records := f.records()
		if !strings.Contains(records, `login ok github/repo:acme/shop`) || strings.Contains(records, "unauthenticated") {
			t.Errorf("the records are\n%s", records)
		}
		for _, secret := range []string{token, session, token[strings.LastIndex(token, ".")+1:]} {
			if strings.Contains(records, secret) || strings.Contains(f.logged(), secret) {
				t.Error("a token is in a record or in the log")
			}
		}
		// Anyone can get tokens of many subjects from an issuer such as GitHub.
		for n := range 30 {
			f.login(0, "github", f.issuer.Token(audience, fmt.Sprint("repo:stranger/", n), nil))
		}
		ended, end := context.WithCancel(t.Context())
		end()
		f.audits[0].Keep(ended, func(err error) { t.Error(err) })
		records = f.records()
		const count = `"address":"127.0.0.1","since":`
		if strings.Count(records, "login unauthenticated  ") != 1 || !strings.Contains(records, count) ||
			!strings.Contains(records, `"count":31}`) || strings.Contains(records, "stranger") {
			t.Errorf("the refused logins have the records\n%s", records)
		}
	})
}

// The server refuses a token without saying why, and its log says it.
func TestHostileTokensAreRefused(t *testing.T) {
	f := newFixture(t, sqlite)
	f.trust("github", func(t *backend.Trust) { t.Claims["list"] = "b" })
	now := time.Now()
	good := func(more map[string]any) map[string]any {
		c := f.issuer.Claims(audience, "repo:acme/shop", map[string]any{"list": []any{"a", "b", 1, true}})
		for name, v := range more {
			c[name] = v
			if v == nil {
				delete(c, name)
			}
		}
		return c
	}
	f.works(f.mustLogin(0, "github", f.issuer.Sign(good(nil))))
	signed := func(more map[string]any) string { return f.issuer.Sign(good(more)) }
	raw := func(payload string) string { return f.issuer.Signing().Sign([]byte(payload)) }
	with := func(tail string) string {
		text := string(mustJSON(t, good(nil)))
		return strings.TrimSuffix(text, "}") + "," + tail + "}"
	}
	later, long := now.Add(5*time.Minute).Unix(), strings.Repeat("x", 300)
	deep := strings.Repeat("[", 500) + strings.Repeat("]", 500)
	for name, c := range map[string]struct{ token, reason string }{
		"another audience":           {signed(map[string]any{"aud": "https://other.example.com"}), "the trust requires only"},
		"no audience":                {signed(map[string]any{"aud": nil}), "the trust requires only"},
		"two audiences":              {signed(map[string]any{"aud": []string{audience, "x"}}), "the trust requires only"},
		"another issuer":             {signed(map[string]any{"iss": "https://evil.example.com"}), "no trust fits its issuer"},
		"the issuer with a slash":    {signed(map[string]any{"iss": f.issuer.URL + "/"}), "no trust fits its issuer"},
		"expired":                    {signed(map[string]any{"exp": now.Add(-2 * time.Minute).Unix()}), "it has expired"},
		"no expiry":                  {signed(map[string]any{"exp": nil}), "exp is missing"},
		"a long life":                {signed(map[string]any{"exp": now.AddDate(1, 0, 0).Unix()}), "valid for more than 23h"},
		"issued in the future":       {signed(map[string]any{"iat": later}), "iat is in the future"},
		"valid in the future":        {signed(map[string]any{"nbf": later}), "nbf is in the future"},
		"a time as text":             {signed(map[string]any{"exp": "soon"}), ""},
		"another subject":            {signed(map[string]any{"sub": "repo:acme-evil/shop"}), `is \"repo:acme-evil`},
		"a subject that begins late": {signed(map[string]any{"sub": "xrepo:acme/shop"}), `claim \"sub\"`},
		"no subject":                 {signed(map[string]any{"sub": nil}), `claim \"sub\"`},
		"a subject as object":        {signed(map[string]any{"sub": map[string]any{"sub": "repo:acme/shop"}}), ""},
		"a subject as list":          {signed(map[string]any{"sub": []string{"repo:acme/shop", "x"}}), ""},
		"a subject of two lines":     {signed(map[string]any{"sub": "repo:acme/\nx"}), ""},
		"a long subject":             {signed(map[string]any{"sub": "repo:acme/" + long}), "at most 255 bytes"},
		"no item of a list":          {signed(map[string]any{"list": []string{"a", "bb"}}), `claim \"list\"`},
		"an object for a list":       {signed(map[string]any{"list": map[string]any{"b": "b"}}), `claim \"list\"`},
		"a claim twice":              {raw(with(`"sub":"repo:acme/shop"`)), "twice"},
		"a claim in upper case":      {raw(with(`"SUB":"repo:acme/shop"`)), "twice"},
		"nested JSON":                {raw(with(`"x":` + deep)), "nests deeper"},
		"no object":                  {raw(`["iss"]`), "not a JSON object"},
		"too large":                  {signed(map[string]any{"x": strings.Repeat("x", 20<<10)}), "at most 16384 bytes"},
		"empty":                      {"x", "not a JSON Web Token"},
		"two parts":                  {"a.b", "not a JSON Web Token"},
		"garbage":                    {"a.b.c", ""},
		"no signature":               {unsigned(t, good(nil), "none", nil), "malformed jwt"},
		"no signature, None":         {unsigned(t, good(nil), "None", nil), "malformed jwt"},
		"the public key as secret":   {unsigned(t, good(nil), "HS256", f.issuer.Signing().Private), "malformed jwt"},
		"a cut signature":            {strings.TrimSuffix(signed(nil), "A")[:len(signed(nil))-8], ""},
		"another key": {oidctest.NewRSA("first", jose.RS256).Sign(mustJSON(t, good(nil))),
			"verify signature"},
		"its own key in the header": {embedded(t, good(nil)), ""},
	} {
		f.refusedBecause(name, f.login(0, "github", c.token), c.reason)
	}
	// The clocks may differ by a minute.
	f.works(f.mustLogin(0, "github", signed(map[string]any{"exp": now.Add(-30 * time.Second).Unix()})))
	f.works(f.mustLogin(0, "github", signed(map[string]any{"iat": now.Add(30 * time.Second).Unix()})))

	for name, body := range map[string]string{
		"no token": `{"token": ""}`, "unknown field": `{"token": "x", "role": "admin"}`, "a list": `{"token": ["x"]}`,
		"no JSON": `token`, "large": `{"token": "` + strings.Repeat("x", 40<<10) + `"}`,
	} {
		if a := f.post(0, []byte(body)); a.Status != http.StatusBadRequest && a.Status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: status %d: %s", name, a.Status, a.Text)
		}
	}
}

// Secret keys and short keys in the set of an issuer verify nothing.
func TestOnlyPublicKeysVerify(t *testing.T) {
	f := newFixture(t, sqlite)
	secret := []byte(strings.Repeat("s", 32))
	f.issuer.Publish(jose.JSONWebKey{Key: secret, KeyID: "secret", Algorithm: "HS256"}, map[string]any{"kty": "unknown"},
		"no key")
	f.trust("github", nil)
	f.works(f.mustLogin(0, "github", f.token(nil)))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: secret}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(mustJSON(t, f.issuer.Claims(audience, "repo:acme/shop", nil)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	f.refusedBecause("HS256", f.login(0, "github", text), "malformed jwt")
	all, err := json.Marshal(map[string]any{"token": signed.FullSerialize()})
	if err != nil {
		t.Fatal(err)
	}
	f.refusedBecause("the JSON form", f.post(0, all), "not a JSON Web Token")
}
