// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/oidc/oidctest"
)

// The commands of scripts about identity tokens. issuer starts an issuer, and sets ISSUER to its URL.

const issuerAudience = "https://pouncet.example.com"

// issuers are the issuers of the running scripts, by their folders.
var issuers sync.Map

func startIssuer(ts *testscript.TestScript, _ bool, _ []string) {
	i := oidctest.New()
	ts.Defer(i.Close)
	issuers.Store(ts.Getenv("WORK"), i)
	ts.Setenv("ISSUER", i.URL)
	ts.Setenv("JOB", i.URL+oidctest.JobPath+"?api-version=1")
}

// person is the command person CLAIM=TEXT ...: somebody with these claims sits at the browser. Without claims, the
// issuer refuses the login.
func person(ts *testscript.TestScript, _ bool, args []string) {
	var claims map[string]any
	for _, a := range args {
		if claims == nil {
			claims = map[string]any{"email_verified": true}
		}
		name, text, _ := strings.Cut(a, "=")
		claims[name] = text
	}
	issuerOf(ts).SignIn(claims)
}

// browse is a browser: it opens the page that its argument names, and follows it.
func browse() {
	page, err := os.ReadFile(os.Args[1])
	if err != nil {
		os.Exit(1)
	}
	_, rest, _ := strings.Cut(string(page), `href="`)
	address, _, _ := strings.Cut(rest, `"`)
	r, err := http.Get(html.UnescapeString(address))
	if err != nil {
		os.Exit(1)
	}
	_ = r.Body.Close()
}

func issuerOf(ts *testscript.TestScript) *oidctest.Issuer {
	i, ok := issuers.Load(ts.Getenv("WORK"))
	if !ok {
		ts.Fatalf("the script has no issuer")
	}
	return i.(*oidctest.Issuer)
}

// writeIdentity is the command identity CLAIM=TEXT ...: it writes an identity token to the file identity.
func writeIdentity(ts *testscript.TestScript, _ bool, args []string) {
	claims := map[string]any{}
	for _, a := range args {
		name, text, _ := strings.Cut(a, "=")
		claims[name] = text
	}
	token := issuerOf(ts).Token(issuerAudience, "subject", claims)
	ts.Check(os.WriteFile(ts.MkAbs("identity"), []byte(token+"\n"), 0o600))
}

// login is the command login STATUS: it sends the file identity to the server, which must answer with the status.
func loginOver(ts *testscript.TestScript, _ bool, args []string) {
	body, err := json.Marshal(map[string]string{"token": strings.TrimSpace(ts.ReadFile("identity"))})
	ts.Check(err)
	r, err := http.Post("http://"+ts.Getenv("ADDRESS")+"/v1/login", "application/json", strings.NewReader(string(body)))
	ts.Check(err)
	defer r.Body.Close()
	var text strings.Builder
	_, err = io.Copy(&text, r.Body)
	ts.Check(err)
	if strconv.Itoa(r.StatusCode) != args[0] {
		ts.Fatalf("status %d: %s", r.StatusCode, text.String())
	}
	_, _ = ts.Stdout().Write([]byte(text.String()))
}

// sessionToken is the command sessiontoken ANSWER FILE: it writes the token of the answer to a login to a file.
func sessionToken(ts *testscript.TestScript, _ bool, args []string) {
	var s httpapi.LoginSession
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &s))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(s.Token), 0o600))
}
